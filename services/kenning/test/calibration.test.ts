import { Combination } from '@liminal/shared/calibration/combination';
import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { alarmCountBand } from '../src/calibration/beta-binomial.ts';
import { createMatrix, takeRows } from '../src/detectors/matrix.ts';
import { ModelSession } from '../src/onnx/model-session.ts';
import type { TrainingRows } from '../src/pipelines/split-rows.ts';
import { combinationOf, DEFAULT_RELEASE_TRAINING, trainReleaseModels } from '../src/pipelines/train-release-models.ts';
import { factoryRows } from '../src/training/factory-rows.ts';

/**
 * Rows drawn from a day of normal traffic. The band is for exchangeable rows, and those of one user resemble each other:
 * with some 1,200 users behind 2,000 rows that hardly shows. With 240 users (of a platform of 300) other people alone moved
 * the alarm rate of an isolation forest at 5% to between 2.4% and 10.2%.
 */
const PLATFORM_USERS = 1_500;

function normalRows(seed: number, count: number): TrainingRows {
  const { features, users } = factoryRows({ seed, platformUsers: PLATFORM_USERS });
  const all = createMatrix(features, FEATURE_COUNT);
  const chosen = new Random(seed).sample(all.rows, count);
  const numbers = new Map([...new Set(users)].map((user, number) => [user, number]));
  return { ...takeRows(all, chosen), groups: chosen.map((row) => numbers.get(users[row]!)!) };
}

describe('calibration on simulated normal traffic of other users', () => {
  it.each([0.01, 0.05])('alarms at α = %d as often as the 99 percent Beta-Binomial band allows', async (alarmRate) => {
    const training = normalRows(11, 3_000);
    const fresh = normalRows(12, 2_000);
    const { models, rows } = await trainReleaseModels(training, DEFAULT_RELEASE_TRAINING, { seed: 5 });
    const band = alarmCountBand({ testedRows: fresh.rows, calibrationRows: rows.calibration, alarmRate });
    const pValues = new Map<string, ArrayLike<number>>();
    const columns: Float32Array[] = [];
    for (const { name, onnx } of models) {
      const session = await ModelSession.open(onnx);
      const outputs = await session.run(fresh);
      await session.release();
      pValues.set(name, outputs.pValues);
      columns.push(outputs.scores);
    }
    const combination = new Combination(combinationOf(models));
    const combined = Float64Array.from({ length: fresh.rows }, (_, row) => {
      return combination.combine(columns.map((column) => column[row]!)).pValue;
    });
    pValues.set('combined', combined);
    for (const [name, values] of pValues) {
      const alarms = Array.from(values).filter((pValue) => pValue <= alarmRate).length;
      console.log(`α = ${alarmRate}, ${name}: ${alarms} alarms of ${fresh.rows} (band ${band.low} to ${band.high})`);
      expect(alarms, name).toBeGreaterThanOrEqual(band.low);
      expect(alarms, name).toBeLessThanOrEqual(band.high);
    }
  });
});
