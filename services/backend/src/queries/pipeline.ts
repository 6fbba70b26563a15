import { LuaScript } from '@liminal/shared/adapters/lua-script';
import {
  acceptedKey,
  anomaliesKey,
  cursorKey,
  type PartitionedStream,
  streamKey,
} from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';

const oldestWaitingScript = new LuaScript(new URL('./oldest-waiting.lua', import.meta.url));

/**
 * Who takes what, and for how long an entry may wait before the reader counts as stuck. kenning archives in large
 * parts, and the store may be away for a while.
 */
const READERS = [
  { group: 'feature-extractor', stream: 'events', stuckAfterSeconds: 30 },
  { group: 'predictor', stream: 'features', stuckAfterSeconds: 30 },
  { group: 'kenning', stream: 'predictions', stuckAfterSeconds: 600 },
] as const satisfies { group: string; stream: PartitionedStream; stuckAfterSeconds: number }[];

type ReaderName = (typeof READERS)[number]['group'];

export interface Reader {
  /** Events, vectors or predictions taken since the beginning. */
  taken: number;
  /** How many of them wait. */
  waiting: number;
  /** Age of the oldest entry that waits; null = none waits. */
  oldestWaitingSeconds: number | null;
  /** Whether its cursors keep up: nothing waits for longer than it should. */
  isMoving: boolean;
}

export interface PartitionLag {
  partition: number;
  accepted: number;
  folded: number;
  lag: number;
}

export interface Pipeline {
  partitions: PartitionLag[];
  vectorsEmitted: number;
  readers: Record<ReaderName, Reader>;
  anomaliesInStream: number;
}

interface PartitionCounts {
  accepted: number;
  folded: number;
  emitted: number;
  predicted: number;
  archived: number;
  lastIds: Record<ReaderName, string>;
}

/** Accepted events that are not folded yet, by partition. */
export async function readLag(redis: Redis, partitions: number): Promise<number[]> {
  const counts = await readCounts(redis, partitions);
  return counts.map(({ accepted, folded }) => behind(accepted, folded));
}

/** Age of the oldest entry that waits for each reader, in seconds; 0 where none waits. */
export async function readOldestWaiting(redis: Redis, partitions: number): Promise<Record<ReaderName, number>> {
  const { readers } = await readPipeline(redis, partitions);
  const ages = Object.entries(readers).map(([group, { oldestWaitingSeconds }]) => [group, oldestWaitingSeconds ?? 0]);
  return Object.fromEntries(ages) as Record<ReaderName, number>;
}

/** How far everything is, from the counts and cursors that the services commit. */
export async function readPipeline(redis: Redis, partitions: number): Promise<Pipeline> {
  const counts = await readCounts(redis, partitions);
  const [anomaliesInStream, ...ages] = await Promise.all([
    redis.xlen(anomaliesKey),
    ...READERS.map(({ group, stream }) =>
      oldestWaitingSeconds(
        redis,
        stream,
        counts.map(({ lastIds }) => lastIds[group]),
      ),
    ),
  ]);
  const total = (value: (partition: PartitionCounts) => number): number =>
    counts.reduce((sum, partition) => sum + value(partition), 0);
  const progress: Record<ReaderName, [taken: number, waiting: number]> = {
    'feature-extractor': [total((of) => of.folded), total((of) => behind(of.accepted, of.folded))],
    predictor: [total((of) => of.predicted), total((of) => behind(of.emitted, of.predicted))],
    kenning: [total((of) => of.archived), total((of) => behind(of.predicted, of.archived))],
  };
  const readers = READERS.map(({ group, stuckAfterSeconds }, index) => {
    const [taken, waiting] = progress[group];
    const age = ages[index] ?? null;
    const reader: Reader = {
      taken,
      waiting,
      oldestWaitingSeconds: age,
      isMoving: age === null || age <= stuckAfterSeconds,
    };
    return [group, reader] as const;
  });
  return {
    partitions: counts.map(({ accepted, folded }, partition) => ({
      partition,
      accepted,
      folded,
      lag: behind(accepted, folded),
    })),
    vectorsEmitted: total((of) => of.emitted),
    readers: Object.fromEntries(readers) as Record<ReaderName, Reader>,
    anomaliesInStream,
  };
}

/** The counts are not read at one moment, so the later one may have run past the earlier one. */
const behind = (given: number, taken: number): number => Math.max(given - taken, 0);

function readCounts(redis: Redis, partitions: number): Promise<PartitionCounts[]> {
  return Promise.all(Array.from({ length: partitions }, (_, partition) => readPartition(redis, partition)));
}

async function readPartition(redis: Redis, partition: number): Promise<PartitionCounts> {
  const [accepted, extractor, predictor, kenning] = await Promise.all([
    redis.get(acceptedKey(partition)),
    redis.hgetall(cursorKey('feature-extractor', partition)),
    redis.hgetall(cursorKey('predictor', partition)),
    redis.hgetall(cursorKey('kenning', partition)),
  ]);
  const lastOf = (cursor: Record<string, string>): string => cursor.last ?? '0-0';
  return {
    accepted: Number(accepted ?? 0),
    folded: Number(extractor.count ?? 0),
    emitted: Number(extractor.emitted ?? 0),
    predicted: Number(predictor.count ?? 0),
    archived: Number(kenning.count ?? 0),
    lastIds: { 'feature-extractor': lastOf(extractor), predictor: lastOf(predictor), kenning: lastOf(kenning) },
  };
}

async function oldestWaitingSeconds(
  redis: Redis,
  stream: PartitionedStream,
  lastIds: readonly string[],
): Promise<number | null> {
  const keys = lastIds.map((_, partition) => streamKey(stream, partition));
  const reply = (await oldestWaitingScript.run(redis, keys, lastIds)) as string[];
  const writtenAt = reply
    .slice(0, -1)
    .filter((id) => id !== '')
    .map((id) => Number(id.split('-', 1)[0]));
  if (writtenAt.length === 0) return null;
  return Math.max(Number(reply.at(-1)) - Math.floor(Math.min(...writtenAt) / 1000), 0);
}
