import { Packr } from 'msgpackr';
import { UndecodableError } from './undecodable-error.ts';
import { unpackMsgpack } from './unpack-msgpack.ts';

const FORMAT_VERSION = 1;
const packr = new Packr({ useRecords: false });

/** Schema v1. Order and meaning never change; new columns come as schema v2. */
export const FEATURE_SCHEMA_VERSION = 1;

export const FEATURE_NAMES = [
  'requests_per_user',
  'burstiness_score',
  'ip_entropy',
  'channel_activity',
  'predicted_user_load',
  'login_intervals',
  'jwt_usage_patterns',
] as const;

export type FeatureName = (typeof FEATURE_NAMES)[number];

export const FEATURE_COUNT = FEATURE_NAMES.length;
/** Position of the feature that the predictor fills in. */
export const PREDICTED_USER_LOAD = 4;
/** Position of the feature that looks back beyond the window, as far as the user is known. */
export const LOGIN_INTERVALS = 5;
export const MINUTE_MS = 60_000;
/** Whole minutes of the load history, oldest first. */
export const LOAD_HISTORY_MINUTES = 33;
/** float32 values of a vector: the seven features, then the load history. */
export const VECTOR_LENGTH = FEATURE_COUNT + LOAD_HISTORY_MINUTES;

/** A user's features at one moment of event time. NaN = not observed. */
export interface FeatureVector {
  user: string;
  /** Event time in ms at which the vector was taken. */
  ts: number;
  /** Number of the vector among the user's vectors, from 1. */
  seq: number;
  /** `VECTOR_LENGTH` float32: features in the order of `FEATURE_NAMES`, then requests per minute, oldest first. */
  values: Float32Array;
  /** Of the event with which the vector was taken; absent where that has none, and in vectors from before it was kept. */
  ip?: string;
}

type PackedVector = [user: string, ts: number, seq: number, values: Uint8Array, ip?: string];

function pack({ user, ts, seq, values, ip }: FeatureVector): PackedVector {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return ip === undefined ? [user, ts, seq, bytes] : [user, ts, seq, bytes, ip];
}

/** Field `b` of an entry of `features:{p}`: the vectors of one commit. */
export function encodeFeatureVectors(vectors: readonly FeatureVector[]): Buffer {
  return packr.pack([FORMAT_VERSION, vectors.map(pack)]);
}

export function decodeFeatureVectors(bytes: Uint8Array): FeatureVector[] {
  const value = unpackMsgpack(bytes, 'feature vectors are');
  if (!Array.isArray(value) || value[0] !== FORMAT_VERSION || !Array.isArray(value[1])) {
    throw new UndecodableError(`feature vectors are not of format version ${FORMAT_VERSION}`);
  }
  return value[1].map(unpack);
}

/** Value of `features:{p}:<user>`. */
export const encodeFeatureVector = (vector: FeatureVector): Buffer => encodeFeatureVectors([vector]);

export function decodeFeatureVector(bytes: Uint8Array): FeatureVector {
  const [vector] = decodeFeatureVectors(bytes);
  if (vector === undefined) throw new UndecodableError('feature vector is empty');
  return vector;
}

function unpack(packed: unknown): FeatureVector {
  if (!Array.isArray(packed)) throw new UndecodableError('feature vector is no array');
  const [user, ts, seq, bytes, ip] = packed as unknown[];
  const isVector =
    typeof user === 'string' &&
    Number.isFinite(ts) &&
    Number.isInteger(seq) &&
    bytes instanceof Uint8Array &&
    bytes.byteLength === VECTOR_LENGTH * Float32Array.BYTES_PER_ELEMENT;
  if (!isVector) throw new UndecodableError(`feature vector is not of schema v${FEATURE_SCHEMA_VERSION}`);
  // A copy: the bytes lie unaligned in the message, and a view would keep the whole message alive.
  const vector = {
    user,
    ts: ts as number,
    seq: seq as number,
    values: new Float32Array(Uint8Array.from(bytes).buffer),
  };
  return typeof ip === 'string' ? { ...vector, ip } : vector;
}
