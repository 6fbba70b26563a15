import { UndecodableError } from '../contracts/undecodable-error.ts';
import { type Likelihood, RECENT } from './likelihood.ts';
import type { SeriesHistory } from './series-history.ts';
import { VALUE_SCALES, type ValueScale } from './value-scale.ts';

const FORMAT_VERSION = 1;
const FLOAT_BYTES = 4;
const DOUBLE_BYTES = 8;
const CLOCK_FIELDS = ['observed', 'lastMinute', 'alarmMinute', 'reportedRun'] as const;
const LIKELIHOOD_DOUBLES = 3 + RECENT;

export interface SeriesClock {
  /** Observed values. */
  observed: number;
  /** Of the newest point, and of the newest alarm; −Infinity = none yet. */
  lastMinute: number;
  alarmMinute: number;
  /** Length of the present run of equal values when it was last reported; 0 = it was not. */
  reportedRun: number;
}

/** What makes up the state of a detector. */
export interface SeriesParts {
  /** That the values are on. */
  scale: ValueScale;
  clock: SeriesClock;
  history: SeriesHistory;
  likelihoods: readonly Likelihood[];
}

/**
 * Little-endian: format version u8; scale u8; the clock, f64 each; of each likelihood count, mean, variance and recent novelties, f64
 * each; number of values u32; the two moving averages after the oldest value, f32 each; the values from the oldest to the
 * newest, f32 each, NaN = missing. The other averages follow from those.
 */
export function encodeSeriesState({ scale, clock, history, likelihoods }: SeriesParts): Buffer {
  const { length } = history;
  const doubles = CLOCK_FIELDS.length + likelihoods.length * LIKELIHOOD_DOUBLES;
  const floats = length === 0 ? 0 : 2 + length;
  const bytes = Buffer.alloc(2 + doubles * DOUBLE_BYTES + 4 + floats * FLOAT_BYTES);
  let offset = bytes.writeUInt8(FORMAT_VERSION, 0);
  offset = bytes.writeUInt8(VALUE_SCALES.indexOf(scale), offset);
  for (const field of CLOCK_FIELDS) offset = bytes.writeDoubleLE(clock[field], offset);
  for (const { count, mean, variance, recent } of likelihoods) {
    for (const number of [count, mean, variance, ...recent]) offset = bytes.writeDoubleLE(number, offset);
  }
  offset = bytes.writeUInt32LE(length, offset);
  if (length === 0) return bytes;
  const oldest = history.at(length - 1);
  offset = bytes.writeFloatLE(history.fast[oldest]!, offset);
  offset = bytes.writeFloatLE(history.slow[oldest]!, offset);
  for (let age = length - 1; age >= 0; age--) offset = bytes.writeFloatLE(history.values[history.at(age)]!, offset);
  return bytes;
}

/**
 * Fills the parts of a fresh detector. Throws `UndecodableError` on bytes that this version did not write, and on values of
 * another scale.
 */
export function decodeSeriesState(encoded: Uint8Array, parts: SeriesParts): void {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  if (bytes[0] !== FORMAT_VERSION) {
    throw new UndecodableError(`state of a series is not of format version ${FORMAT_VERSION}`);
  }
  if (VALUE_SCALES[bytes[1]!] !== parts.scale) {
    throw new UndecodableError(`state of a series is not on the ${parts.scale} scale`);
  }
  try {
    readParts(bytes, parts);
  } catch (error) {
    throw new UndecodableError('state of a series is cut short or too long', { cause: error });
  }
}

function readParts(bytes: Buffer, { clock, history, likelihoods }: SeriesParts): void {
  let offset = 2;
  const nextDouble = (): number => {
    offset += DOUBLE_BYTES;
    return bytes.readDoubleLE(offset - DOUBLE_BYTES);
  };
  const nextFloat = (): number => {
    offset += FLOAT_BYTES;
    return bytes.readFloatLE(offset - FLOAT_BYTES);
  };
  for (const field of CLOCK_FIELDS) clock[field] = nextDouble();
  for (const likelihood of likelihoods) {
    likelihood.count = nextDouble();
    likelihood.mean = nextDouble();
    likelihood.variance = nextDouble();
    for (let index = 0; index < RECENT; index++) likelihood.recent[index] = nextDouble();
  }
  const length = bytes.readUInt32LE(offset);
  offset += FLOAT_BYTES;
  if (length > 0) {
    const [fast, slow] = [nextFloat(), nextFloat()];
    history.pushState(nextFloat(), fast, slow);
    for (let left = length - 1; left > 0; left--) history.push(nextFloat());
  }
  if (offset !== bytes.length) throw new RangeError(`${bytes.length - offset} bytes too many`);
}
