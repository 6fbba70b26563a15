import { type DeadLetter, deadLetterArguments } from '@liminal/shared/adapters/dead-letters';
import { LuaScript } from '@liminal/shared/adapters/lua-script';
import { LeaseLostError } from '@liminal/shared/adapters/stream-worker';
import {
  encodeFeatureVector,
  encodeFeatureVectors,
  type FeatureVector,
} from '@liminal/shared/contracts/feature-vector';
import {
  cursorKey,
  deadLetterKey,
  featuresKey,
  fenceKey,
  neededFromKey,
  openMinutesKey,
  stateKey,
  streamKey,
} from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';
import type { MinutesClock } from '../minutes/partition-minutes.ts';

/** A week and more of minutes: only who was away for so long misses any. */
const SERIES_ENTRIES = 12_000;
const commitScript = new LuaScript(new URL('./commit.lua', import.meta.url));

export interface Commit {
  partition: number;
  fence: number;
  /** Id of the last entry committed before, and now. */
  fromId: string;
  toId: string;
  /** Id of the first entry whose events are not all in snapshots. */
  neededFrom: string;
  events: number;
  vectors: readonly FeatureVector[];
  /** `encodeVectorTraces` of them, where any is traced. */
  traces?: Buffer | undefined;
  snapshots: ReadonlyMap<string, Buffer>;
  minutes: MinutesCommit;
  deadLetters: readonly DeadLetter[];
  ttlSeconds: number;
}

/** What a commit says of the platform's minutes. */
export interface MinutesCommit {
  clock: Readonly<MinutesClock>;
  /** Packed open minutes, where a snapshot is due. */
  snapshot: Buffer | undefined;
  /** Packed closed minutes, where some closed. */
  closed: Buffer | undefined;
}

/**
 * Writes a commit whole or not at all. Returns how many vectors the predictor has yet to take.
 * Throws `LeaseLostError` when another instance has the partition.
 */
export async function writeCommit(redis: Redis, commit: Commit): Promise<number> {
  const { partition } = commit;
  const newest = new Map(commit.vectors.map((vector) => [vector.user, vector]));
  const keys = [
    fenceKey('feature-extractor', partition),
    cursorKey('feature-extractor', partition),
    streamKey('features', partition),
    neededFromKey('events', partition),
    deadLetterKey(streamKey('events', partition)),
    cursorKey('predictor', partition),
    openMinutesKey(partition),
    streamKey('series', partition),
  ];
  const { clock, snapshot, closed } = commit.minutes;
  const args: (string | number | Buffer)[] = [
    commit.fence,
    commit.fromId,
    commit.toId,
    commit.neededFrom,
    commit.events,
    commit.vectors.length,
    commit.vectors.length === 0 ? '' : encodeFeatureVectors(commit.vectors),
    commit.ttlSeconds,
    ...clockArguments(clock),
    snapshot ?? '',
    closed ?? '',
    SERIES_ENTRIES,
    commit.traces ?? '',
    ...deadLetterArguments(commit.deadLetters),
  ];
  for (const [user, snapshot] of commit.snapshots) {
    keys.push(stateKey(partition, user));
    args.push(snapshot);
  }
  for (const [user, vector] of newest) {
    keys.push(featuresKey(partition, user));
    args.push(encodeFeatureVector(vector));
  }
  const reply = await commitScript.run(redis, keys, args);
  if (typeof reply !== 'number') throw new LeaseLostError(partition);
  return reply;
}

/** Nothing before the first event. */
const clockArguments = ({ watermark, eventTime, delayMs }: Readonly<MinutesClock>): (string | number)[] =>
  Number.isFinite(watermark) ? [watermark, eventTime, delayMs] : ['', '', ''];
