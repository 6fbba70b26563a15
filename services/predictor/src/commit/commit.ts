import { type DeadLetter, deadLetterArguments } from '@liminal/shared/adapters/dead-letters';
import { LuaScript } from '@liminal/shared/adapters/lua-script';
import { LeaseLostError } from '@liminal/shared/adapters/stream-worker';
import { encodeHistoryVector } from '@liminal/shared/contracts/history-vector';
import {
  anomaliesKey,
  cursorKey,
  deadLetterKey,
  fenceKey,
  neededFromKey,
  predictionKey,
  streamKey,
  suppressedKey,
  suppressionHitsKey,
  userHistoryKey,
} from '@liminal/shared/contracts/keys';
import { encodePredictions, isAnomaly, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { Redis } from 'ioredis';
import { belongsToHistory, HISTORY_LENGTH, HISTORY_TTL_SECONDS } from '../history/user-history.ts';

const commitScript = new LuaScript(new URL('./commit.lua', import.meta.url));
/** Predictions of one stream entry, so that readers of the newest few do not have to decode thousands. */
const RECORDS_PER_ENTRY = 128;

export interface Commit {
  partition: number;
  fence: number;
  /** Id of the last entry committed before, and now. */
  fromId: string;
  toId: string;
  records: readonly PredictionRecord[];
  /** Of the anomalies among the records, encoded, each written beside its own. */
  explanations: ReadonlyMap<PredictionRecord, Uint8Array>;
  /** Trace ids of those that are traced. */
  traceIds?: ReadonlyMap<PredictionRecord, string> | undefined;
  deadLetters: readonly DeadLetter[];
  ttlSeconds: number;
}

/**
 * Writes a commit whole or not at all. Returns how many predictions kenning has yet to archive.
 * Throws `LeaseLostError` when another instance has the partition.
 */
export async function writeCommit(redis: Redis, commit: Commit): Promise<number> {
  const { partition, records } = commit;
  const keys = [
    fenceKey('predictor', partition),
    cursorKey('predictor', partition),
    streamKey('predictions', partition),
    neededFromKey('features', partition),
    deadLetterKey(streamKey('features', partition)),
    anomaliesKey,
    cursorKey('kenning', partition),
    suppressedKey,
    suppressionHitsKey,
  ];
  const args: (string | number | Buffer)[] = [
    commit.fence,
    commit.fromId,
    commit.toId,
    records.length,
    commit.ttlSeconds,
    ...deadLetterArguments(commit.deadLetters),
    Math.ceil(records.length / RECORDS_PER_ENTRY),
  ];
  for (let start = 0; start < records.length; start += RECORDS_PER_ENTRY) {
    args.push(encodePredictions(records.slice(start, start + RECORDS_PER_ENTRY)));
  }
  const anomalies = records.filter(isAnomaly);
  args.push(anomalies.length);
  for (const anomaly of anomalies) {
    const explanation = bytesOf(commit.explanations.get(anomaly)!);
    args.push(encodePredictions([anomaly]), explanation, commit.traceIds?.get(anomaly) ?? '');
  }
  const held = records.filter(({ suppressed }) => suppressed !== undefined);
  args.push(held.length);
  for (const record of held) {
    const { rule, reason } = record.suppressed!;
    args.push(encodePredictions([record]), rule ?? reason, record.ts);
  }
  const newest = new Map(records.map((record) => [record.user, record]));
  args.push(newest.size, HISTORY_LENGTH, HISTORY_TTL_SECONDS);
  for (const [user, record] of newest) {
    keys.push(predictionKey(partition, user));
    args.push(encodePredictions([record]));
  }
  for (const { user, values } of records.filter(belongsToHistory)) {
    keys.push(userHistoryKey(partition, user));
    args.push(encodeHistoryVector(values));
  }
  const reply = await commitScript.run(redis, keys, args);
  if (typeof reply !== 'number') throw new LeaseLostError(partition);
  return reply;
}

/** ioredis sends Buffers as they are; the bytes of another thread come as plain arrays. */
const bytesOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength);
