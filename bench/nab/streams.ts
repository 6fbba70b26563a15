import { DEFAULT_SERIES_OPTIONS, SeriesDetector } from '@liminal/shared/time-series/series-detector';
import type { NabSeries } from './corpus.ts';

/** What the streams of the detector say of each row of a series; NaN before they are known. */
export interface StreamRows {
  value: Float64Array;
  motion: Float64Array;
  repetition: Float64Array;
}

export type StreamName = keyof StreamRows;

/** Constants of the detector that the benchmark chooses. */
export interface Constants {
  alarmThreshold: number;
  /** Rows without another alarm after one, as a share of the probationary rows. */
  silenceShare: number;
}

/** Of a series whose rows count as minutes. The rest of the options is as the platform's watch has it, but for the scale. */
function detectorFor({ probation }: NabSeries, { alarmThreshold, silenceShare }: Constants): SeriesDetector {
  return SeriesDetector.fresh({
    ...DEFAULT_SERIES_OPTIONS,
    scale: 'linear',
    leastChange: 0,
    warmUpLength: probation,
    alarmThreshold,
    silenceMinutes: Math.floor(silenceShare * probation),
  });
}

/** The streams don't depend on the constants, so that one pass serves all choices. */
export function streamRows(series: NabSeries): StreamRows {
  const detector = detectorFor(series, { alarmThreshold: 1, silenceShare: 0 });
  const rows = series.values.length;
  const streams = { value: nothing(rows), motion: nothing(rows), repetition: nothing(rows) };
  for (const [minute, value] of series.values.entries()) {
    const verdict = detector.update({ minute, value });
    for (const name of Object.keys(streams) as StreamName[]) streams[name][minute] = verdict.streams[name];
  }
  return streams;
}

const nothing = (rows: number): Float64Array => new Float64Array(rows).fill(Number.NaN);

/** The score of each row where the detector alarms, else 0. */
export function detectorScores(series: NabSeries, constants: Constants): Float64Array {
  const detector = detectorFor(series, constants);
  return series.values.map((value, minute) => {
    const { alarm, score } = detector.update({ minute, value });
    return alarm ? score : 0;
  });
}
