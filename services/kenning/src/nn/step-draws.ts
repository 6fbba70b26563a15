import type { Random } from '@liminal/shared/runtime/random';
import { elementCount } from './shape.ts';
import type { TensorValues } from './training-session.ts';

/** How a step's input is drawn, as plain data, so that it can cross a thread. */
export type StepDraw =
  /** int64 [batch]: positions in [0, rows), each once before any comes again, newly shuffled every time. */
  | { kind: 'shuffled'; rows: number; batch: number }
  /** float32 of the given shape: 1 with probability `keep`, else 0. */
  | { kind: 'kept'; keep: number; shape: readonly number[] };

/** Draws the inputs of one step after another. */
export class StepInputs {
  readonly #draws: readonly (readonly [name: string, draw: (steps: number) => TensorValues])[];

  constructor(draws: Readonly<Record<string, StepDraw>>, random: Random) {
    this.#draws = Object.entries(draws).map(([name, draw]) => [name, drawer(draw, random.fork())] as const);
  }

  /** The inputs of the next `steps` steps, with the step as first axis. */
  next(steps: number): Record<string, TensorValues> {
    return Object.fromEntries(this.#draws.map(([name, draw]) => [name, draw(steps)]));
  }
}

function drawer(draw: StepDraw, random: Random): (steps: number) => TensorValues {
  switch (draw.kind) {
    case 'shuffled':
      return shuffled(draw, random);
    case 'kept':
      return (steps) => {
        const shape = [steps, ...draw.shape];
        const values = new Float32Array(elementCount(shape));
        for (let index = 0; index < values.length; index++) values[index] = random.next() < draw.keep ? 1 : 0;
        return { values, shape };
      };
  }
}

function shuffled({ rows, batch }: { rows: number; batch: number }, random: Random): (steps: number) => TensorValues {
  let order: Int32Array = new Int32Array(0);
  let used = 0;
  return (steps) => {
    const values = new BigInt64Array(steps * batch);
    // Low words of small positive integers: making a BigInt of each took a sixth of the training.
    const lowWords = new Uint32Array(values.buffer);
    for (let index = 0; index < values.length; index++) {
      if (used === order.length) {
        order = random.sample(rows, rows);
        used = 0;
      }
      lowWords[2 * index] = order[used++]!;
    }
    return { values, shape: [steps, batch] };
  };
}
