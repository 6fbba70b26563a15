import { UndecodableError } from '../contracts/undecodable-error.ts';
import { type Likelihood, RECENT } from './likelihood.ts';
import type { SeriesHistory } from './series-history.ts';

const FORMAT_VERSION = 1;
const HEADER_BYTES = 1 + 8 + 8 + 4;
const LIKELIHOOD_BYTES = 8 * (3 + RECENT);
const FLOAT_BYTES = 4;

export interface SeriesCounters {
  observed: number;
  lastMinute: number;
  silent: number;
}

export interface SeriesParts {
  history: SeriesHistory;
  likelihoods: readonly Likelihood[];
}

/**
 * Format version u8; observed values f64; last minute f64; silence left u32; for each likelihood count, mean, variance and its
 * recent novelties, f64; number of values u32; the moving averages after the oldest value, f32 each; the values from the
 * oldest to the newest, f32. The other averages follow from those. Little-endian.
 */
export function encodeSeriesState(
  { observed, lastMinute, silent }: SeriesCounters,
  { history, likelihoods }: SeriesParts,
): Buffer {
  const { length } = history;
  const bytes = Buffer.alloc(
    HEADER_BYTES +
      likelihoods.length * LIKELIHOOD_BYTES +
      FLOAT_BYTES +
      (length && 2 * FLOAT_BYTES) +
      length * FLOAT_BYTES,
  );
  let offset = bytes.writeUInt8(FORMAT_VERSION, 0);
  offset = bytes.writeDoubleLE(observed, offset);
  offset = bytes.writeDoubleLE(lastMinute, offset);
  offset = bytes.writeUInt32LE(silent, offset);
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

/** Fills the parts of a fresh detector. Throws `UndecodableError` on bytes that this version did not write. */
export function decodeSeriesState(encoded: Uint8Array, { history, likelihoods }: SeriesParts): SeriesCounters {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  if (bytes[0] !== FORMAT_VERSION) {
    throw new UndecodableError(`state of a series is not of format version ${FORMAT_VERSION}`);
  }
  try {
    const counters = {
      observed: bytes.readDoubleLE(1),
      lastMinute: bytes.readDoubleLE(9),
      silent: bytes.readUInt32LE(17),
    };
    let offset = HEADER_BYTES;
    const nextDouble = (): number => {
      const number = bytes.readDoubleLE(offset);
      offset += 8;
      return number;
    };
    for (const likelihood of likelihoods) {
      likelihood.count = nextDouble();
      likelihood.mean = nextDouble();
      likelihood.variance = nextDouble();
      for (let index = 0; index < RECENT; index++) likelihood.recent[index] = nextDouble();
    }
    const length = bytes.readUInt32LE(offset);
    offset += FLOAT_BYTES;
    if (length > 0) {
      const [fast, slow] = [bytes.readFloatLE(offset), bytes.readFloatLE(offset + FLOAT_BYTES)];
      offset += 2 * FLOAT_BYTES;
      history.pushState(bytes.readFloatLE(offset), fast, slow);
      for (let index = 1; index < length; index++) history.push(bytes.readFloatLE(offset + index * FLOAT_BYTES));
      offset += length * FLOAT_BYTES;
    }
    if (offset !== bytes.length) throw new RangeError(`${bytes.length - offset} bytes too many`);
    return counters;
  } catch (error) {
    throw new UndecodableError('state of a series is cut short or too long', { cause: error });
  }
}
