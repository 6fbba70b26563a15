import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { StepInputs } from './step-draws.ts';

const ascending = (values: Iterable<bigint>): number[] => Array.from(values, Number).sort((a, b) => a - b);

describe('step inputs', () => {
  it('draw every position once before any comes again, in another order each time, over steps and runs', () => {
    const inputs = new StepInputs({ positions: { kind: 'shuffled', rows: 10, batch: 4 } }, new Random(1));
    const runs = [inputs.next(2), inputs.next(1), inputs.next(2)].map(({ positions }) => positions!);
    expect(runs.map(({ shape }) => shape)).toEqual([
      [2, 4],
      [1, 4],
      [2, 4],
    ]);
    const drawn = runs.flatMap(({ values }) => [...(values as BigInt64Array)]);
    const everyOne = [...Array(10).keys()];
    expect(ascending(drawn.slice(0, 10))).toEqual(everyOne);
    expect(ascending(drawn.slice(10))).toEqual(everyOne);
    expect(drawn.slice(10)).not.toEqual(drawn.slice(0, 10));
  });

  it('fill a batch that is larger than the rows with all of them, again and again', () => {
    const { positions } = new StepInputs({ positions: { kind: 'shuffled', rows: 1, batch: 3 } }, new Random(1)).next(2);
    expect([...(positions!.values as BigInt64Array)]).toEqual([0n, 0n, 0n, 0n, 0n, 0n]);
  });

  it('keep the share that they are told to, as ones and zeros', () => {
    const { kept } = new StepInputs({ kept: { kind: 'kept', keep: 0.8, shape: [50, 4] } }, new Random(1)).next(100);
    expect(kept!.shape).toEqual([100, 50, 4]);
    const values = kept!.values as Float32Array;
    expect(new Set(values)).toEqual(new Set([0, 1]));
    const share = values.reduce((sum, value) => sum + value, 0) / values.length;
    // Four standard deviations of a binomial share of 20,000 draws.
    expect(Math.abs(share - 0.8)).toBeLessThan(4 * Math.sqrt((0.8 * 0.2) / 20_000));
  });
});
