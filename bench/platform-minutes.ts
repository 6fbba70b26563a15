import { PartitionMinutes } from '@liminal/feature-extractor/minutes/partition-minutes';
import { decodeEventRows } from '@liminal/shared/contracts/event-batch-reader';
import { encodeEventBatch } from '@liminal/shared/contracts/event-batch-writer';
import { foldEvent } from '@liminal/shared/features/fold';
import { UserState } from '@liminal/shared/features/user-state';
import { featureValues } from '@liminal/shared/features/vector';
import { Random } from '@liminal/shared/runtime/random';

export const name = 'platform minutes: their fold beside the one of users, in the same process';

const EVENTS = 400_000;
/** Of one partition: eight of them make 160,000. */
const EVENTS_PER_SECOND = 20_000;
/** What a call of 500 events has for one of eight partitions. */
const EVENTS_PER_ENTRY = 62;
const ROUNDS = 5;
const START_MS = Date.UTC(2026, 0, 5, 12);
const ROUTES = [
  '/api/v1/rooms/:id/messages',
  '/api/projects/:id/items',
  '/api/me',
  '/projects',
  '/api/items/12345/comments',
  '/api/files/550e8400-e29b-41d4-a716-446655440000',
];

interface Entry {
  bytes: Buffer;
  arrivedAt: number;
}

export async function run(): Promise<void> {
  const entries = createEntries(new Random(1));
  let users = Number.POSITIVE_INFINITY;
  let minutes = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    users = Math.min(
      users,
      microsecondsAnEvent(() => foldUsers(entries)),
    );
    minutes = Math.min(
      minutes,
      microsecondsAnEvent(() => foldMinutes(entries)),
    );
  }
  console.log(
    `${EVENTS.toLocaleString('en')} events, best of ${ROUNDS}: decoding and the fold of users ${users.toFixed(2)} µs an event, ` +
      `minutes of the platform ${minutes.toFixed(2)} µs (${((100 * minutes) / users).toFixed(0)}% of it)`,
  );
}

function createEntries(random: Random): Entry[] {
  const events = Array.from({ length: EVENTS }, (_, index) => {
    // Heavy-tailed activity, as in the bench of the pipe.
    const user = Math.floor(20_000 * random.next() ** 3);
    const shared = {
      id: `e${index}`,
      ts: START_MS + Math.floor((1000 * index) / EVENTS_PER_SECOND),
      user: `user-${user}`,
    };
    if (random.next() < 0.2) {
      return { ...shared, kind: 'channel' as const, channel: `room-${user % 500}`, action: 'message' as const };
    }
    return {
      ...shared,
      kind: 'request' as const,
      ip: `10.0.${user % 250}.1`,
      method: 'GET',
      route: random.pick(ROUTES),
      status: random.next() < 0.01 ? 500 : 200,
      durationMs: random.uniform(2, 200),
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
      tokenId: `token-${user}`,
    };
  });
  return Array.from({ length: Math.ceil(EVENTS / EVENTS_PER_ENTRY) }, (_, index) => {
    const part = events.slice(index * EVENTS_PER_ENTRY, (index + 1) * EVENTS_PER_ENTRY);
    return { bytes: encodeEventBatch(part), arrivedAt: part.at(-1)!.ts + 5 };
  });
}

function foldUsers(entries: readonly Entry[]): void {
  const states = new Map<string, UserState>();
  for (const { bytes } of entries) {
    for (const row of decodeEventRows(bytes)) {
      let state = states.get(row.user);
      if (state === undefined) {
        state = new UserState();
        states.set(row.user, state);
      }
      if (foldEvent(state, row)) featureValues(state);
    }
  }
}

function foldMinutes(entries: readonly Entry[]): void {
  const minutes = new PartitionMinutes(30_000);
  for (const { bytes, arrivedAt } of entries) minutes.fold(bytes, undefined, arrivedAt);
}

function microsecondsAnEvent(work: () => void): number {
  const startedAt = performance.now();
  work();
  return (1000 * (performance.now() - startedAt)) / EVENTS;
}

if (import.meta.main) await run();
