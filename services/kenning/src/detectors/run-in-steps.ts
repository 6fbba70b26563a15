import { setImmediate } from 'node:timers/promises';
import type { FitContext } from './detector.ts';

/**
 * Work cut into steps: yields the share that is done, in [0, 1], and returns the result. A generator, so that the loops
 * inside a step stay free of promises and the place of each cut is seen in the algorithm.
 */
export type Steps<Result> = Generator<number, Result, void>;

/**
 * Multiply-adds between two yields: some 5 ms. Counted and not timed, so that the course of a fit, progress included,
 * depends on its input alone.
 */
export const OPERATIONS_PER_STEP = 2_000_000;

/** Runs the steps, letting the event loop turn before each; looks at the signal there and tells a share that never falls. */
export async function runInSteps<Result>(
  steps: Steps<Result>,
  { signal, onProgress }: Pick<FitContext, 'signal' | 'onProgress'>,
): Promise<Result> {
  let furthest = 0;
  for (;;) {
    const step = steps.next();
    if (step.done) {
      onProgress?.(1);
      return step.value;
    }
    await setImmediate();
    signal?.throwIfAborted();
    furthest = Math.max(furthest, step.value);
    onProgress?.(furthest);
  }
}

/** The steps of a part of the work, its shares mapped onto [from, to]. */
export function* partOf<Result>(steps: Steps<Result>, from: number, to: number): Steps<Result> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    yield from + (to - from) * step.value;
  }
}

/** Runs the steps in one go, for work known to be short. */
export function runAtOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
