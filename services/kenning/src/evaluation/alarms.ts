import { type AlarmCountBand, alarmCountBand } from '../calibration/beta-binomial.ts';

export interface AlarmCounts {
  /** α: an alarm is a row with a p-value of at most this. */
  alarmRate: number;
  normals: {
    rows: number;
    alarms: number;
    /** How many alarms fit α, if the normal rows are like those of the calibration and had no part in the training. */
    band: AlarmCountBand;
  };
  anomalies: { rows: number; alarms: number };
}

export interface AlarmQuestion {
  /** One a row. */
  pValues: ArrayLike<number>;
  /** 1 = anomaly, 0 = normal; one a row. */
  labels: Uint8Array;
  /** Calibration rows behind the p-values. */
  calibrationRows: number;
  alarmRate: number;
}

/** Probability that the count of a valid detector lies in the band. */
export const BAND_COVERAGE = 0.95;

/** Alarms at a rate, and how many there may be among the normal rows; see `alarmCountBand`. */
export function alarmCounts({ pValues, labels, calibrationRows, alarmRate }: AlarmQuestion): AlarmCounts {
  const rows: [normals: number, anomalies: number] = [0, 0];
  const alarms: [normals: number, anomalies: number] = [0, 0];
  for (let row = 0; row < labels.length; row++) {
    const kind = labels[row] === 1 ? 1 : 0;
    rows[kind]++;
    if (pValues[row]! <= alarmRate) alarms[kind]++;
  }
  const band = alarmCountBand({ testedRows: rows[0], calibrationRows, alarmRate, coverage: BAND_COVERAGE });
  return {
    alarmRate,
    normals: { rows: rows[0], alarms: alarms[0], band },
    anomalies: { rows: rows[1], alarms: alarms[1] },
  };
}
