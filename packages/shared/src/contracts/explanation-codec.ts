import { Packr } from 'msgpackr';
import {
  type Expectation,
  type ExplanationRecord,
  LANGUAGES,
  type Language,
  QUANTITIES,
  SHAP_ALGORITHMS,
  type ShapRecord,
  UNEXPLAINED_REASONS,
  type UnexplainedReason,
} from './explanation.ts';
import { FEATURE_COUNT } from './feature-vector.ts';
import { UndecodableError } from './undecodable-error.ts';
import { unpackMsgpack } from './unpack-msgpack.ts';

const FORMAT_VERSION = 1;
const packr = new Packr({ useRecords: false });
/** user low, median, high, everyone low, median, high, missing rate. */
const NUMBERS_PER_EXPECTATION = 7;

/** What stands beside an anomaly: its explanation, or why there is none. */
export type StoredExplanation = ExplanationRecord | UnexplainedReason;

/** Field `x` of an entry of `anomalies`. */
export function encodeExplanation(explanation: StoredExplanation): Buffer {
  if (typeof explanation === 'string') return packr.pack([FORMAT_VERSION, UNEXPLAINED_REASONS.indexOf(explanation)]);
  const { shap, expectations, userVectors, summaries } = explanation;
  const { algorithm, quantity, baseValue, value, shapValues, standardErrors, gap, backgroundRows } = shap;
  return packr.pack([
    FORMAT_VERSION,
    [SHAP_ALGORITHMS.indexOf(algorithm), QUANTITIES.indexOf(quantity), backgroundRows],
    doubles([baseValue, value, gap, ...Array.from(shapValues)]),
    standardErrors && doubles(Array.from(standardErrors)),
    floats(expectations.flatMap(({ user, everyone }) => [...triple(user), ...triple(everyone), everyone.missingRate])),
    userVectors,
    LANGUAGES.map((language) => summaries[language]),
  ]);
}

/** Throws `UndecodableError` on anything that this version did not write. */
export function decodeExplanation(bytes: Uint8Array): StoredExplanation {
  const value = unpackMsgpack(bytes, 'explanation is');
  if (!Array.isArray(value) || value[0] !== FORMAT_VERSION) {
    throw new UndecodableError(`explanation is not of format version ${FORMAT_VERSION}`);
  }
  const [, kind, numbers, errors, expectations, userVectors, summaries] = value as unknown[];
  const reason = UNEXPLAINED_REASONS[kind as number];
  if (reason !== undefined) return reason;
  const isExplanation =
    Array.isArray(kind) &&
    numbers instanceof Uint8Array &&
    numbers.byteLength === (3 + FEATURE_COUNT) * Float64Array.BYTES_PER_ELEMENT &&
    (errors === null || errors instanceof Uint8Array) &&
    expectations instanceof Uint8Array &&
    expectations.byteLength === FEATURE_COUNT * NUMBERS_PER_EXPECTATION * Float32Array.BYTES_PER_ELEMENT &&
    Number.isInteger(userVectors) &&
    Array.isArray(summaries) &&
    summaries.length === LANGUAGES.length &&
    summaries.every((text) => typeof text === 'string');
  if (!isExplanation) throw new UndecodableError('explanation is not of schema v1');
  return {
    shap: toShapRecord(kind as number[], toDoubles(numbers), errors && toDoubles(errors)),
    expectations: toExpectations(new Float32Array(Uint8Array.from(expectations).buffer)),
    userVectors: userVectors as number,
    summaries: Object.fromEntries(LANGUAGES.map((language, index) => [language, summaries[index]])) as Record<
      Language,
      string
    >,
  };
}

function toShapRecord(
  [algorithmNumber, quantityNumber, backgroundRows]: number[],
  numbers: Float64Array,
  standardErrors: Float64Array | null,
): ShapRecord {
  const algorithm = SHAP_ALGORITHMS[algorithmNumber!];
  const quantity = QUANTITIES[quantityNumber!];
  if (algorithm === undefined || quantity === undefined || !Number.isInteger(backgroundRows)) {
    throw new UndecodableError('explanation is of an unknown kind');
  }
  const [baseValue, value, gap] = numbers;
  return {
    algorithm,
    quantity,
    baseValue: baseValue!,
    value: value!,
    gap: gap!,
    shapValues: numbers.slice(3),
    standardErrors,
    backgroundRows: backgroundRows!,
  };
}

function toExpectations(numbers: Float32Array): Expectation[] {
  return Array.from({ length: FEATURE_COUNT }, (_, feature) => {
    const [low, median, high, everyoneLow, everyoneMedian, everyoneHigh, missingRate] = numbers.subarray(
      feature * NUMBERS_PER_EXPECTATION,
    );
    return {
      user: { low: low!, median: median!, high: high! },
      everyone: { low: everyoneLow!, median: everyoneMedian!, high: everyoneHigh!, missingRate: missingRate! },
    };
  });
}

const triple = ({ low, median, high }: { low: number; median: number; high: number }): number[] => [low, median, high];
const doubles = (values: readonly number[]): Uint8Array => new Uint8Array(Float64Array.from(values).buffer);
const floats = (values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
/** A copy: the bytes lie unaligned in the message. */
const toDoubles = (bytes: Uint8Array): Float64Array => new Float64Array(Uint8Array.from(bytes).buffer);
