import { Random } from '@liminal/shared/runtime/random';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { calibrate, conformalPValue, tailPValue } from '../calibration/conformal.ts';
import { previousFloat32 } from '../detectors/float32.ts';
import { conformalPValueNode, tailPValueNode } from './conformal-p-value.ts';
import { GraphBuilder } from './graph-builder.ts';

describe('p-values in ONNX Runtime', () => {
  it.each([
    ['one score', Float32Array.of(0.5)],
    ['equal scores', new Float32Array(20).fill(0.4)],
    ['many ties', randomScores(500, 40)],
    ['scores of all sizes', randomScores(3000, 2 ** 30)],
  ])('equal the TypeScript ones exactly, on the steps and beside them: %s', async (_, scores) => {
    const calibration = calibrate(scores, 0.05);
    const graph = new GraphBuilder();
    const score = graph.floatInput('score', ['N', 1]);
    const pValue = conformalPValueNode(graph, score, calibration, 'p_value');
    graph.floatOutput(pValue, ['N', 1]);
    graph.floatOutput(tailPValueNode(graph, score, pValue, calibration, 'tail_p_value'), ['N', 1]);
    const session = await InferenceSession.create(graph.build('p-value'));
    const asked = Float32Array.from(
      [...scores].flatMap((value) => [value, previousFloat32(value), value + 1e-4, value + 0.7, -9, 9, 3.4e38]),
    );
    const outputs = await session.run({ score: new Tensor('float32', asked, [asked.length, 1]) });
    await session.release();
    const expected = Float32Array.from(asked, (value) => conformalPValue(calibration, value));
    expect(outputs.p_value!.data).toEqual(expected);
    const tail = outputs.tail_p_value!.data as Float32Array;
    for (const [row, score] of asked.entries()) {
      const ours = tailPValue(calibration, score);
      // Exact but for the rounding of Exp, which only scores beyond all calibration scores meet.
      const isBeyond = score > calibration.sortedScores.at(-1)!;
      expect(Math.abs(tail[row]! - ours)).toBeLessThanOrEqual(isBeyond ? 1e-6 * ours : 0);
    }
  });
});

function randomScores(count: number, levels: number): Float32Array {
  const random = new Random(11);
  return Float32Array.from({ length: count }, () => random.int(levels) / levels);
}
