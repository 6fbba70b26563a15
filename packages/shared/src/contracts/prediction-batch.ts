import { createHash } from 'node:crypto';
import { Packr } from 'msgpackr';
import { FEATURE_COUNT, MINUTE_MS, VECTOR_LENGTH } from './feature-vector.ts';
import { type CheckedForecast, FORECASTERS, type LoadForecast, toForecast } from './load-forecast.ts';
import {
  type Anomaly,
  MODEL_NAMES,
  type ModelName,
  namedFeatures,
  observed,
  type Prediction,
  SEVERITIES,
  type Severity,
  SUPPRESSION_REASONS,
  type Suppressed,
} from './prediction.ts';
import { UndecodableError } from './undecodable-error.ts';
import { unpackMsgpack } from './unpack-msgpack.ts';

const FORMAT_VERSION = 1;
const packr = new Packr({ useRecords: false });

export interface ModelScore {
  score: number;
  pValue: number;
}

/** A prediction as it goes through Redis: the vector packed, names only where JSON is wanted. */
export interface PredictionRecord {
  user: string;
  ts: number;
  seq: number;
  /** The vector that was scored, `predicted_user_load` filled in. */
  values: Float32Array;
  /** Of the minute of `ts`; null where nothing is known of the user's load, and in records of before there were forecasts. */
  forecast: LoadForecast | null;
  /** The newest forecast of the user whose minute is over. */
  checked: CheckedForecast | null;
  scores: Partial<Record<ModelName, ModelScore>>;
  pValue: number;
  severity: Severity;
  /** Only where it would have alarmed and was held back; `severity` is `none` then. */
  suppressed?: Suppressed | undefined;
  release: string;
  provisional: boolean;
  scoredAt: number;
  /** As in the vector. */
  ip?: string;
}

type PackedScores = [model: number, score: number, pValue: number][];
type PackedForecast = [forecaster: number, load: number, lower: number, upper: number];
type PackedChecked = [...PackedForecast, minuteTs: number, actual: number];
type PackedSuppressed = [severity: number, reason: number, rule: string | null];

/** Field `b` of an entry of `predictions:{p}` and `anomalies`, and value of `prediction:{p}:<user>`. */
export function encodePredictions(records: readonly PredictionRecord[]): Buffer {
  return packr.pack([FORMAT_VERSION, records.map(pack)]);
}

/** Throws `UndecodableError` on anything that this version did not write. */
export function decodePredictions(bytes: Uint8Array): PredictionRecord[] {
  const value = unpackMsgpack(bytes, 'predictions are');
  if (!Array.isArray(value) || value[0] !== FORMAT_VERSION || !Array.isArray(value[1])) {
    throw new UndecodableError(`predictions are not of format version ${FORMAT_VERSION}`);
  }
  return value[1].map(unpack);
}

export function decodePrediction(bytes: Uint8Array): PredictionRecord {
  const [record] = decodePredictions(bytes);
  if (record === undefined) throw new UndecodableError('prediction is empty');
  return record;
}

export const isAnomaly = (record: PredictionRecord): boolean => record.severity !== 'none';

/** The same vector of the same user always has the same id, and the id tells nothing about the user. */
export function anomalyId({ user, ts, seq }: Pick<PredictionRecord, 'user' | 'ts' | 'seq'>): string {
  return createHash('sha256')
    .update(JSON.stringify([user, ts, seq]))
    .digest('base64url')
    .slice(0, 20);
}

export function toPrediction(record: PredictionRecord): Prediction {
  const { user, ts, seq, values, forecast, checked, scores, pValue, severity, release, provisional, scoredAt } = record;
  const { suppressed } = record;
  return {
    user,
    ts,
    seq,
    features: namedFeatures(values),
    loadHistory: [...values.subarray(FEATURE_COUNT)].map(observed),
    load: {
      forecast: forecast && { minute: ts - (ts % MINUTE_MS), ...toForecast(forecast) },
      checked: checked && { minute: checked.minuteTs, ...toForecast(checked), actual: checked.actual },
    },
    scores,
    pValue,
    severity,
    anomaly: isAnomaly(record),
    ...(suppressed && { suppressed }),
    release,
    provisional,
    scoredAt,
  };
}

export const toAnomaly = (record: PredictionRecord): Anomaly => ({
  entity: 'user',
  id: anomalyId(record),
  ...toPrediction(record),
});

function pack(record: PredictionRecord): unknown[] {
  const { values } = record;
  const scores: PackedScores = [];
  for (const [model, score] of Object.entries(record.scores)) {
    scores.push([MODEL_NAMES.indexOf(model as ModelName), score.score, score.pValue]);
  }
  return [
    record.user,
    record.ts,
    record.seq,
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    scores,
    record.pValue,
    SEVERITIES.indexOf(record.severity),
    record.release,
    record.provisional,
    record.scoredAt,
    record.forecast && packForecast(record.forecast),
    record.checked && [...packForecast(record.checked), record.checked.minuteTs, record.checked.actual],
    ...endOf(record),
  ];
}

/** What most records have not. */
function endOf({ ip, suppressed }: PredictionRecord): unknown[] {
  if (suppressed !== undefined) return [ip ?? null, packSuppressed(suppressed)];
  return ip === undefined ? [] : [ip];
}

function unpack(packed: unknown): PredictionRecord {
  if (!Array.isArray(packed)) throw new UndecodableError('prediction is no array');
  const [user, ts, seq, bytes, scores, pValue, severity, release, provisional, scoredAt, forecast, checked, ip, held] =
    packed as unknown[];
  const isRecord =
    typeof user === 'string' &&
    Number.isFinite(ts) &&
    Number.isInteger(seq) &&
    bytes instanceof Uint8Array &&
    bytes.byteLength === VECTOR_LENGTH * Float32Array.BYTES_PER_ELEMENT &&
    Array.isArray(scores) &&
    Number.isFinite(pValue) &&
    SEVERITIES[severity as number] !== undefined &&
    typeof release === 'string' &&
    typeof provisional === 'boolean' &&
    Number.isFinite(scoredAt);
  if (!isRecord) throw new UndecodableError('prediction is not of schema v1');
  return {
    user,
    ts: ts as number,
    seq: seq as number,
    // A copy: the bytes lie unaligned in the message, and a view would keep the whole message alive.
    values: new Float32Array(Uint8Array.from(bytes).buffer),
    // Records from before there were forecasts end here.
    forecast: unpackForecast((forecast ?? null) as PackedForecast | null),
    checked: unpackChecked((checked ?? null) as PackedChecked | null),
    scores: unpackScores(scores as PackedScores),
    pValue: pValue as number,
    severity: SEVERITIES[severity as number]!,
    ...(held !== undefined && { suppressed: unpackSuppressed(held as PackedSuppressed) }),
    release,
    provisional,
    scoredAt: scoredAt as number,
    ...(typeof ip === 'string' && { ip }),
  };
}

const packSuppressed = ({ severity, reason, rule }: Suppressed): PackedSuppressed => [
  SEVERITIES.indexOf(severity),
  SUPPRESSION_REASONS.indexOf(reason),
  rule,
];

function unpackSuppressed([severityNumber, reasonNumber, rule]: PackedSuppressed): Suppressed {
  const severity = SEVERITIES[severityNumber];
  const reason = SUPPRESSION_REASONS[reasonNumber];
  if (severity === undefined || reason === undefined) {
    throw new UndecodableError('prediction was held back for an unknown reason');
  }
  return { severity, reason, rule };
}

const packForecast = ({ forecaster, load, lower, upper }: LoadForecast): PackedForecast => [
  FORECASTERS.indexOf(forecaster),
  load,
  lower,
  upper,
];

function unpackForecast(packed: PackedForecast | PackedChecked | null): LoadForecast | null {
  if (packed === null) return null;
  const [number, load, lower, upper] = packed;
  const forecaster = FORECASTERS[number];
  if (forecaster === undefined)
    throw new UndecodableError(`prediction names forecaster number ${number}, which is unknown`);
  return { forecaster, load, lower, upper };
}

function unpackChecked(packed: PackedChecked | null): CheckedForecast | null {
  const forecast = unpackForecast(packed);
  return forecast && { ...forecast, minuteTs: packed![4], actual: packed![5] };
}

function unpackScores(packed: PackedScores): PredictionRecord['scores'] {
  const scores: PredictionRecord['scores'] = {};
  for (const [model, score, pValue] of packed) {
    const name = MODEL_NAMES[model];
    if (name === undefined) throw new UndecodableError(`prediction names model number ${model}, which is unknown`);
    scores[name] = { score, pValue };
  }
  return scores;
}
