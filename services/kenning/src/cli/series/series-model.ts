import { observed } from '@liminal/shared/contracts/prediction';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import { SeriesDetector, type SeriesDetectorOptions } from '@liminal/shared/time-series/series-detector';
import { VALUE_SCALES } from '@liminal/shared/time-series/value-scale';
import { z } from 'zod';
import { readBytes } from '../ensemble-file.ts';
import { ModelFileError } from '../model-file-error.ts';
import type { CounterReading } from './counter-increase.ts';

const schema = z.object({
  format: z.literal('kenning-series'),
  version: z.literal(1),
  /** First time of the training, and the newest one. */
  from: z.iso.datetime(),
  through: z.iso.datetime(),
  rows: z.int(),
  intervalMs: z.number().positive(),
  options: z.object({
    scale: z.enum(VALUE_SCALES),
    leastChange: z.number(),
    historyLength: z.int(),
    likelihoodLength: z.int(),
    warmUpLength: z.int(),
    alarmThreshold: z.number(),
    silenceMinutes: z.number(),
  }),
  /** Of a counter whose increase is judged: its newest reading, null where it was missing. */
  counter: z.object({ interval: z.int(), reading: z.number().nullable() }).nullable(),
  state: z.base64(),
});

/** A detector that has seen a series, with what is needed to go on. */
export interface SeriesModel {
  fromMs: number;
  throughMs: number;
  rows: number;
  intervalMs: number;
  options: SeriesDetectorOptions;
  detector: SeriesDetector;
  counter: CounterReading | undefined;
}

/** JSON. The same model gives the same text. */
export function encodeSeriesModel(model: SeriesModel): string {
  const { fromMs, throughMs, rows, intervalMs, options, detector, counter } = model;
  const file: z.infer<typeof schema> = {
    format: 'kenning-series',
    version: 1,
    from: new Date(fromMs).toISOString(),
    through: new Date(throughMs).toISOString(),
    rows,
    intervalMs,
    options,
    counter: counter === undefined ? null : { interval: counter.minute, reading: observed(counter.reading) },
    state: detector.encode().toString('base64'),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** Throws `ModelFileError`. */
export async function readSeriesModel(path: string): Promise<SeriesModel> {
  const parsed = schema.safeParse(parsedJson((await readBytes(path)).toString('utf8')));
  if (!parsed.success) {
    throw new ModelFileError(`${path} is not a model of a time series; train one with kenning train SERIES --out FILE`);
  }
  const { from, through, state, counter: newest, ...rest } = parsed.data;
  const [fromMs, throughMs] = [Date.parse(from), Date.parse(through)];
  const counter = newest === null ? undefined : { minute: newest.interval, reading: newest.reading ?? Number.NaN };
  try {
    const detector = SeriesDetector.decode(Buffer.from(state, 'base64'), rest.options);
    return { fromMs, throughMs, ...rest, detector, counter };
  } catch (error) {
    if (!(error instanceof UndecodableError || error instanceof RangeError)) throw error;
    throw new ModelFileError(`${path} is broken (${error.message}); train again`, { cause: error });
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
