/** Alarms on a series, beside the spans of it that are anomalies: rows with label 1 that follow each other. */
export interface SeriesAlarms {
  alarms: number;
  /** Alarms within an anomaly. */
  trueAlarms: number;
  anomalies: number;
  /** Anomalies with an alarm. */
  found: number;
  /** Of the found ones: rows from their first row to their first alarm; NaN where there is none. */
  medianDelayRows: number;
}

/**
 * `labels` and `alarms`: 1 = yes, one a row, of one length. `isJudged`: rows that could have alarmed; anomalies without any
 * such row don't count.
 */
export function seriesAlarms({
  labels,
  alarms,
  isJudged,
}: {
  labels: Uint8Array;
  alarms: Uint8Array;
  isJudged: Uint8Array;
}): SeriesAlarms {
  const delays: number[] = [];
  const result = { alarms: 0, trueAlarms: 0, anomalies: 0, found: 0 };
  for (let row = 0; row < labels.length; row++) {
    if (alarms[row] !== 1) continue;
    result.alarms++;
    if (labels[row] === 1) result.trueAlarms++;
  }
  for (let start = 0; start < labels.length; start++) {
    if (labels[start] !== 1 || labels[start - 1] === 1) continue;
    let end = start;
    while (end < labels.length && labels[end] === 1) end++;
    if (!isJudged.subarray(start, end).includes(1)) continue;
    result.anomalies++;
    const delay = alarms.subarray(start, end).indexOf(1);
    if (delay === -1) continue;
    result.found++;
    delays.push(delay);
  }
  delays.sort((left, right) => left - right);
  return { ...result, medianDelayRows: delays[(delays.length - 1) >> 1] ?? Number.NaN };
}
