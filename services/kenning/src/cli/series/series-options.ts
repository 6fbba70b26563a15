import type { ParseArgsOptionsConfig } from 'node:util';
import { UsageError } from '@liminal/shared/runtime/usage-error';
import {
  DEFAULT_SERIES_OPTIONS,
  SeriesDetector,
  type SeriesDetectorOptions,
} from '@liminal/shared/time-series/series-detector';
import { VALUE_SCALES } from '@liminal/shared/time-series/value-scale';

/** Options of commands that read a time series. */
export const SERIES_OPTIONS = {
  interval: { type: 'string' },
  option: { type: 'string', multiple: true },
  counter: { type: 'boolean' },
} as const satisfies ParseArgsOptionsConfig;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SHORTEST_WARM_UP = 100;
const SHORTEST_SILENCE = 10;

/** What holds for any series: nothing is known of its values; threshold as chosen on the Numenta Anomaly Benchmark. */
export function defaultOptions(intervalMs: number): SeriesDetectorOptions {
  return {
    ...DEFAULT_SERIES_OPTIONS,
    scale: 'linear',
    leastChange: 0,
    alarmThreshold: 2,
    warmUpLength: Math.max(SHORTEST_WARM_UP, Math.ceil(DAY_MS / intervalMs)),
    silenceMinutes: Math.max(SHORTEST_SILENCE, Math.ceil(HOUR_MS / intervalMs)),
  };
}

export const SERIES_OPTIONS_TEXT = `      scale=linear (or square-root, for counts)  alarmThreshold=2  leastChange=0
      historyLength=4000  likelihoodLength=8640  warmUpLength (a day, 100 at least)
      silenceMinutes, in intervals (an hour, 10 at least)`;

/** Defaults with settings such as `scale=square-root`. Throws `UsageError`. */
export function detectorOptions(settings: readonly string[], intervalMs: number): SeriesDetectorOptions {
  const options: Record<string, unknown> = { ...defaultOptions(intervalMs) };
  for (const setting of settings) {
    const [, name, text] = /^(\w+)=(.*)$/.exec(setting) ?? [];
    if (name === undefined) throw new UsageError(`--option ${setting} is not of the form name=value.`);
    if (!Object.hasOwn(options, name)) {
      throw new UsageError(`A time series has no option ${name}; it has ${Object.keys(options).join(', ')}.`);
    }
    if (name === 'scale') options[name] = scaleOf(setting, text!);
    else if (text !== '' && Number.isFinite(Number(text))) options[name] = Number(text);
    else throw new UsageError(`--option ${setting}: the value must be a number.`);
  }
  const all = options as unknown as SeriesDetectorOptions;
  try {
    SeriesDetector.fresh(all);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`--option: ${error.message}.`, { cause: error });
  }
  return all;
}

function scaleOf(setting: string, text: string): string {
  if ((VALUE_SCALES as readonly string[]).includes(text)) return text;
  throw new UsageError(`--option ${setting}: the value must be ${VALUE_SCALES.join(' or ')}.`);
}

/** Throws `UsageError` for options that were given though they belong to the other kind of file. */
export function assertNotGiven(values: Readonly<Record<string, unknown>>, names: readonly string[], why: string): void {
  const given = names.find((name) => values[name] !== undefined);
  if (given !== undefined) throw new UsageError(`--${given} does not go with this file: ${why}.`);
}
