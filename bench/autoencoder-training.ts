import { type DenseLayer, denseForward, denseParameters } from '@liminal/kenning/nn/dense-network';
import { meanSquaredError } from '@liminal/kenning/nn/operations/composed';
import { gather } from '@liminal/kenning/nn/operations/layout';
import { Random } from '@liminal/shared/runtime/random';
import { compareTraining, ROWS } from './training-steps.ts';

export const name = 'autoencoder: training';
const BATCH = 256;
const COLUMNS = 7;
const SIZES = [COLUMNS, 32, 16, 4, 16, 32, COLUMNS];

/** Steps of Adam of an autoencoder 7-32-16-4-16-32-7 with ReLU, 256 rows a step. */
export async function run(): Promise<void> {
  const layers = SIZES.slice(1).map(
    (outputs, index): DenseLayer => ({
      name: `layer_${index}`,
      inputs: SIZES[index]!,
      outputs,
      activation: index + 2 < SIZES.length ? 'relu' : 'linear',
    }),
  );
  await compareTraining({
    name,
    network: 'autoencoder',
    problem: {
      parameters: denseParameters(layers),
      dataSets: { rows: { shape: ['ROWS', COLUMNS] } },
      stepInputs: { positions: { shape: [BATCH], type: 'int64' } },
      loss: (parameters, { rows, positions }) => {
        const x = gather(rows!, positions!);
        return meanSquaredError(denseForward(x, layers, parameters), x);
      },
    },
    data: [{ name: 'rows', columns: COLUMNS, values: smoothRows() }],
    positions: 'positions',
    batch: BATCH,
    steps: 1000,
    aim: 4,
  });
}

/** Sines of several periods with noise: something that both can learn. */
function smoothRows(): Float32Array {
  const random = new Random(1);
  return Float32Array.from(
    { length: ROWS * COLUMNS },
    (_, index) => Math.sin(Math.floor(index / COLUMNS) / (3 + 2 * (index % COLUMNS))) + 0.1 * random.normal(),
  );
}

if (import.meta.main) await run();
