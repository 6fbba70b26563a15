import { readTrainingRows } from '@liminal/kenning/archive/archive-reader';
import { type ModelStore, openModelStore } from '@liminal/shared/adapters/model-store';
import type { Event } from '@liminal/shared/contracts/event';
import { toEventRow } from '@liminal/shared/contracts/event-batch';
import {
  FEATURE_COUNT,
  type FeatureVector,
  LOAD_HISTORY_MINUTES,
  PREDICTED_USER_LOAD,
} from '@liminal/shared/contracts/feature-vector';
import { stateKey } from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { foldEvent } from '@liminal/shared/features/fold';
import { ewmaForecast } from '@liminal/shared/features/load-forecast';
import { UserState } from '@liminal/shared/features/user-state';
import { decodeSnapshot, encodeSnapshot } from '@liminal/shared/features/user-state-codec';
import { featureValues } from '@liminal/shared/features/vector';
import type { Redis } from 'ioredis';
import { expect } from 'vitest';

export interface OfflineFold {
  states: Map<string, UserState>;
  vectors: FeatureVector[];
}

/** What the services must come to, computed offline from the events in the order in which they were accepted. */
export function offlineFold(events: readonly Event[]): OfflineFold {
  const states = new Map<string, UserState>();
  const vectors: FeatureVector[] = [];
  for (const event of events) {
    const state = states.get(event.user) ?? new UserState();
    states.set(event.user, state);
    if (!foldEvent(state, toEventRow(event))) continue;
    vectors.push({ user: event.user, ts: state.lastTs, seq: state.seq, values: featureValues(state) });
  }
  return { states, vectors };
}

/** Compares the snapshots in Redis, after a clean stop of the extractors has written those that were due. */
export async function expectSameStates({ states }: OfflineFold, redis: Redis, partitions: number): Promise<void> {
  let different = 0;
  for (const [user, state] of states) {
    const bytes = await redis.getBuffer(stateKey(partitionOf(user, partitions), user));
    const found = decodeSnapshot(bytes!);
    const wanted = encodeSnapshot({ appliedId: found.appliedId, state });
    if (!wanted.equals(encodeSnapshot(found))) different++;
  }
  expect(different, 'user states that differ from the offline fold').toBe(0);
}

/**
 * Compares the vectors that kenning archived with their predictions: each once, none missing, the same bits. The predicted
 * load is the release's own; where a history is not whole it is the moving average, whatever the release.
 */
export async function expectSameVectors({ vectors }: OfflineFold, modelStore: string | ModelStore): Promise<void> {
  const store = typeof modelStore === 'string' ? openModelStore(modelStore) : modelStore;
  const archived = await readTrainingRows(store, { maxRows: 1_000_000, log: console, loadHistory: true });
  expect(archived.duplicates, 'predictions archived twice').toBe(0);
  expect(archived.rows).toBe(vectors.length);
  let different = 0;
  const byIdentity = new Map(vectors.map((vector) => [`${vector.user}/${vector.seq}`, vector]));
  for (let row = 0; row < archived.rows; row++) {
    const vector = byIdentity.get(`${archived.users[row]}/${archived.seqs[row]}`);
    const features = archived.features.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT);
    const history = archived.loadHistory!.subarray(row * LOAD_HISTORY_MINUTES, (row + 1) * LOAD_HISTORY_MINUTES);
    const load = features[PREDICTED_USER_LOAD]!;
    const expected = vector!.values.slice();
    expected[PREDICTED_USER_LOAD] = history.some(Number.isNaN) ? ewmaForecast(history) : load;
    if (!history.some(Number.isNaN) && !(load >= 0)) different++;
    if (!Buffer.from(Float32Array.of(...features, ...history).buffer).equals(Buffer.from(expected.buffer))) different++;
  }
  expect(different, 'archived vectors that differ from the offline fold').toBe(0);
}
