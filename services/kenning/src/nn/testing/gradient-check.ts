import { Random } from '@liminal/shared/runtime/random';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { DifferentiableGraph, type Tensor } from '../differentiable-graph.ts';
import { add, mul } from '../operations/elementwise.ts';
import { reduceSum } from '../operations/reduction.ts';
import { elementCount, staticShape } from '../shape.ts';

export interface GradientCheck {
  /** Shapes of the inputs whose gradients are checked. */
  inputs: readonly (readonly number[])[];
  /** From the inputs to what the loss is made of. */
  build(inputs: readonly Tensor[], graph: DifferentiableGraph): Tensor | readonly Tensor[];
  /** Where the gradients are checked; standard normal unless given. */
  draw?(random: Random): number;
  /** At most this many elements, drawn at random; all unless given. */
  elements?: number;
}

/**
 * Largest relative error of the gradients against central differences, in a float64 graph in ONNX Runtime. The loss weighs
 * every output element differently, so that a gradient that lands on the wrong element shows. An element's error is
 * relative to its gradient, or to a thousandth of the largest one where that is more.
 */
export async function gradientError({ inputs, build, draw, elements }: GradientCheck): Promise<number> {
  const graph = new DifferentiableGraph('float64');
  const sources = inputs.map((shape, index) => graph.input(`input_${index}`, shape, { isDifferentiable: true }));
  const loss = weightedLoss(graph, build(sources, graph));
  graph.output(loss, 'loss');
  graph.gradients(loss, sources).forEach((gradient, index) => {
    graph.output(gradient, `gradient_${index}`);
  });
  const random = new Random(20260101);
  const values = inputs.map((shape) =>
    Float64Array.from({ length: elementCount(shape) }, () => draw?.(random) ?? random.normal()),
  );
  const session = await InferenceSession.create(graph.build('gradient-check'), { intraOpNumThreads: 1 });
  try {
    const run = () =>
      session.run(
        Object.fromEntries(values.map((data, i) => [`input_${i}`, new OrtTensor('float64', data, inputs[i]!)])),
      );
    const lossAt = async () => (await run()).loss!.data[0] as number;
    const outputs = await run();
    const pairs: { gradient: number; difference: number }[] = [];
    for (const [index, position] of chosenElements(values, elements, random)) {
      const data = values[index]!;
      const at = data[position]!;
      const step = 1e-5 * Math.max(1, Math.abs(at));
      data[position] = at + step;
      const above = await lossAt();
      data[position] = at - step;
      const below = await lossAt();
      data[position] = at;
      const gradient = (outputs[`gradient_${index}`]!.data as Float64Array)[position]!;
      pairs.push({ gradient, difference: (above - below) / (2 * step) });
    }
    const floor = 1e-3 * Math.max(...pairs.map(({ gradient }) => Math.abs(gradient)));
    return Math.max(
      ...pairs.map(
        ({ gradient, difference }) =>
          Math.abs(gradient - difference) / Math.max(Math.abs(gradient), Math.abs(difference), floor),
      ),
    );
  } finally {
    await session.release();
  }
}

function weightedLoss(graph: DifferentiableGraph, built: Tensor | readonly Tensor[]): Tensor {
  const outputs = 'graph' in built ? [built] : built;
  return outputs
    .map((output, index) => {
      const weights = Float64Array.from({ length: elementCount(output.shape) }, (_, i) => Math.sin(1 + i + 7 * index));
      return reduceSum(mul(output, graph.constant(weights, staticShape(output.shape))));
    })
    .reduce((sum, term) => add(sum, term));
}

function chosenElements(
  values: readonly Float64Array[],
  elements: number | undefined,
  random: Random,
): readonly (readonly [input: number, position: number])[] {
  const all = values.flatMap((data, index) => Array.from(data.keys(), (position) => [index, position] as const));
  if (elements === undefined || elements >= all.length) return all;
  return Array.from(random.sample(all.length, elements), (chosen) => all[chosen]!);
}
