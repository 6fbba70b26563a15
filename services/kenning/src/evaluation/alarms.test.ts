import { expect, it } from 'vitest';
import { alarmCountBand } from '../calibration/beta-binomial.ts';
import { alarmCounts } from './alarms.ts';

it('counts alarms of each kind, a p-value equal to the rate being one', () => {
  const pValues = [0.01, 0.05, 0.050_1, 0.9, 0.01];
  const counts = alarmCounts({ pValues, labels: Uint8Array.of(0, 0, 0, 1, 1), calibrationRows: 99, alarmRate: 0.05 });
  expect(counts).toEqual({
    alarmRate: 0.05,
    normals: {
      rows: 3,
      alarms: 2,
      band: alarmCountBand({ testedRows: 3, calibrationRows: 99, alarmRate: 0.05, coverage: 0.95 }),
    },
    anomalies: { rows: 2, alarms: 1 },
  });
});
