import { OpenRelease } from '@liminal/shared/release/open-release';
import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { alarmCountBand } from '../src/calibration/beta-binomial.ts';
import { takeRows } from '../src/detectors/matrix.ts';
import type { TrainingRows } from '../src/pipelines/split-rows.ts';
import { DEFAULT_RELEASE_TRAINING, trainReleaseModels } from '../src/pipelines/train-release-models.ts';
import { inputsOf, loadedRelease, simulatedRows } from './trained-release.ts';

/**
 * Rows drawn from a day of normal traffic. The band is for exchangeable rows, and those of one user resemble each other:
 * with some 1,200 users behind 2,000 rows that hardly shows. With 240 users (of a platform of 300) other people alone moved
 * the alarm rate of an isolation forest at 5% to between 2.4% and 10.2%.
 */
const PLATFORM_USERS = 1_500;

function normalRows(seed: number, count: number): TrainingRows {
  const all = simulatedRows({ seed, platformUsers: PLATFORM_USERS });
  const chosen = new Random(seed).sample(all.rows, count);
  return { ...all, ...takeRows(all, chosen), groups: chosen.map((row) => all.groups![row]!) };
}

describe('calibration on simulated normal traffic of other users', () => {
  it.each([0.01, 0.05])('alarms at α = %d as often as the 99 percent Beta-Binomial band allows', async (alarmRate) => {
    const fresh = normalRows(12, 2_000);
    const trained = await trainReleaseModels(normalRows(11, 3_000), DEFAULT_RELEASE_TRAINING, { seed: 5 });
    const release = await OpenRelease.open(await loadedRelease(trained));
    const scored = await release.score(inputsOf(fresh), fresh.rows);
    await release.close();
    const { models, rows } = trained;
    const lstm = models.find(({ name }) => name === 'lstm')!;
    const hasLstm = scored.map(({ scores }) => scores.lstm !== undefined);
    const groups = [
      ...models.map(({ name, calibration }) => ({
        name: name as string,
        calibrationRows: calibration.rows,
        pValues: scored.flatMap(({ scores }) => scores[name]?.pValue ?? []),
      })),
      // Users with and without a whole history are ranked each among their like.
      {
        name: 'combined, with the LSTM',
        calibrationRows: lstm.calibration.rows,
        pValues: scored.filter((_, row) => hasLstm[row]).map(({ pValue }) => pValue),
      },
      {
        name: 'combined, without the LSTM',
        calibrationRows: rows.calibration - lstm.calibration.rows,
        pValues: scored.filter((_, row) => !hasLstm[row]).map(({ pValue }) => pValue),
      },
    ];
    expect(groups).toHaveLength(7);
    for (const { name, calibrationRows, pValues } of groups) {
      const band = alarmCountBand({ testedRows: pValues.length, calibrationRows, alarmRate });
      const alarms = pValues.filter((pValue) => pValue <= alarmRate).length;
      console.log(
        `α = ${alarmRate}, ${name}: ${alarms} alarms of ${pValues.length} (band ${band.low} to ${band.high})`,
      );
      expect(alarms, name).toBeGreaterThanOrEqual(band.low);
      expect(alarms, name).toBeLessThanOrEqual(band.high);
    }
  });
});
