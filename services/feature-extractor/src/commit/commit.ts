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
  stateKey,
  streamKey,
} from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';

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
  snapshots: ReadonlyMap<string, Buffer>;
  deadLetters: readonly DeadLetter[];
  ttlSeconds: number;
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
  ];
  const args: (string | number | Buffer)[] = [
    commit.fence,
    commit.fromId,
    commit.toId,
    commit.neededFrom,
    commit.events,
    commit.vectors.length,
    commit.vectors.length === 0 ? '' : encodeFeatureVectors(commit.vectors),
    commit.ttlSeconds,
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
