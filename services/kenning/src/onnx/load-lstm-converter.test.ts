import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from '@liminal/shared/onnx/onnx-ml_pb';
import { Random } from '@liminal/shared/runtime/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadQuantile } from '../detectors/hurdle-logistic.ts';
import {
  DEFAULT_LOAD_LSTM,
  fitLoadLstm,
  type LoadLstm,
  loadDistributions,
  loadSurprises,
} from '../detectors/load-lstm.ts';
import { createMatrix, type Matrix } from '../detectors/matrix.ts';
import { detectorModel, SCORE_OUTPUT } from './detector-model.ts';
import { FORECAST_OUTPUTS, loadLstmScore } from './load-lstm-converter.ts';
import { ModelSession } from './model-session.ts';

const MINUTES = 33;
const COLUMNS = MINUTES + 1;
const LEVEL = 0.13;

function histories(rows: number, seed: number, draw: (random: Random) => number): Matrix {
  const random = new Random(seed);
  return createMatrix(
    Float32Array.from({ length: rows * COLUMNS }, (_, index) =>
      index % COLUMNS === MINUTES ? random.int(1440) : draw(random),
    ),
    COLUMNS,
  );
}

const bursts = (random: Random): number => (random.next() < 0.7 ? 0 : 1 + Math.floor(random.exponential(10)));
const missing = ({ values }: Matrix, isMissing: (index: number) => boolean): Matrix =>
  createMatrix(
    values.map((value, index) => (isMissing(index) ? Number.NaN : value)),
    COLUMNS,
  );

describe('an LSTM of loads in ONNX Runtime', () => {
  let fitted: LoadLstm;
  let file: Uint8Array;
  let session: ModelSession;

  beforeAll(async () => {
    const rows = histories(2_000, 1, bursts);
    const nextLoads = Float32Array.from({ length: 2_000 }, (_, row) => rows.values[row * COLUMNS + 3]!);
    fitted = await fitLoadLstm({ histories: rows, nextLoads }, { ...DEFAULT_LOAD_LSTM, steps: 200 }, { seed: 2 });
    file = detectorModel({
      name: 'lstm',
      columns: COLUMNS,
      addScore: (graph, features, name) => loadLstmScore(graph, features, fitted, name, LEVEL),
    });
    session = await ModelSession.open(file);
  });
  afterAll(() => session.release());

  it.each([
    ['bursts', histories(300, 3, bursts)],
    ['nothing at all', histories(20, 4, () => 0)],
    ['as much as a machine sends', histories(100, 5, (random) => 60_000 + random.int(40_000))],
    ['more than there can be', histories(20, 6, () => 3.4e38)],
    ['infinite loads', histories(20, 7, (random) => (random.next() < 0.1 ? Number.POSITIVE_INFINITY : 3))],
    ['negative loads', histories(20, 8, () => -5)],
    ['unobserved minutes', missing(histories(100, 9, bursts), (index) => index % COLUMNS < 20)],
    ['an unknown time of day', missing(histories(100, 10, bursts), (index) => index % COLUMNS === MINUTES)],
    ['an infinite time of day', createMatrix(new Float32Array(COLUMNS).fill(Number.POSITIVE_INFINITY), COLUMNS)],
  ])('scores and forecasts as the fitted values do, to 1e-5: %s', async (_, rows) => {
    const { distribution, load, lower, upper } = FORECAST_OUTPUTS;
    const fittedDistributions = loadDistributions(fitted, rows);
    const [scores, distributions, ...ends] = await session.outputs(rows, [
      SCORE_OUTPUT,
      distribution,
      load,
      lower,
      upper,
    ]);
    const expectClose = (found: number, expected: number) =>
      expect(Math.abs(found - expected) / Math.max(1, Math.abs(expected))).toBeLessThan(1e-5);
    for (const [row, score] of loadSurprises(fittedDistributions, rows).entries()) expectClose(scores![row]!, score);
    for (const [row, { next }] of fittedDistributions.entries()) {
      const values = [next.location, next.scale, next.logOdds];
      for (const [column, value] of values.entries()) expectClose(distributions![3 * row + column]!, value);
      for (const [index, share] of [0.5, LEVEL / 2, 1 - LEVEL / 2].entries()) {
        // Of the file's own distribution: where a quantile is nearly zero it magnifies the rounding of the network.
        const [location, scale, logOdds] = distributions!.subarray(3 * row, 3 * row + 3);
        const own = { location: location!, scale: scale!, logOdds: logOdds! };
        expectClose(ends[index]![row]!, loadQuantile(own, share));
        expect(Math.abs(loadQuantile(own, share) - loadQuantile(next, share))).toBeLessThan(
          1e-4 * (1 + loadQuantile(next, share)),
        );
      }
    }
  });

  it('is one operator LSTM among standard ones', () => {
    const nodes = fromBinary(ModelProtoSchema, file).graph!.node;
    expect(nodes.filter(({ opType }) => opType === 'LSTM')).toHaveLength(1);
    expect(new Set(nodes.map(({ domain }) => domain))).toEqual(new Set(['']));
    expect(nodes.length).toBeLessThan(100);
  });
});
