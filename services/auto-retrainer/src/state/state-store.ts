import { LuaScript } from '@liminal/shared/adapters/lua-script';
import { PartitionGroup } from '@liminal/shared/adapters/partition-group';
import { LeaseLostError } from '@liminal/shared/adapters/stream-worker';
import type { StoredDrift } from '@liminal/shared/contracts/drift-report';
import { driftReportKey, fenceKey, retrainerKey, retrainerRequestsKey } from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';
import { type PersonRequest, personRequestSchema } from './person-request.ts';
import { decodeState, encodeState, type RetrainerState } from './retrainer-state.ts';

const commitScript = new LuaScript(new URL('./commit.lua', import.meta.url));
/** The whole work of this service is one partition: whoever holds it leads, the others look on. */
const PARTITION = 0;
const FIELD = 'state';

export interface StateStoreOptions {
  redis: Redis;
  instanceId: string;
  leaseMs: number;
}

/**
 * State of the auto-retrainer in Redis. One replica leads at a time; a fencing token keeps those that led before from
 * writing.
 */
export class StateStore {
  readonly #redis: Redis;
  readonly #group: PartitionGroup;
  #fence: number | undefined;

  constructor({ redis, instanceId, leaseMs }: StateStoreOptions) {
    this.#redis = redis;
    this.#group = new PartitionGroup({ redis, group: 'auto-retrainer', partitions: 1, instanceId, leaseMs });
  }

  /** Gives a sign of life. Whether this replica leads, and whether it has just begun to. */
  async lead(): Promise<{ leads: boolean; isNew: boolean }> {
    const { gained, lost } = await this.#group.rebalance();
    if (lost.length > 0) this.#fence = undefined;
    if (gained[0] !== undefined) this.#fence = gained[0].fence;
    return { leads: this.#fence !== undefined, isNew: gained.length > 0 };
  }

  async read(): Promise<RetrainerState> {
    return decodeState(await this.#redis.hgetBuffer(retrainerKey, FIELD));
  }

  /**
   * What people asked for since the last commit, oldest first; what another version wrote counts as taken and is left
   * out.
   */
  async requests(): Promise<{ requests: PersonRequest[]; taken: number }> {
    const waiting = await this.#redis.lrange(retrainerRequestsKey, 0, -1);
    const requests = waiting.flatMap((text) => personRequestSchema.safeParse(JSON.parse(text)).data ?? []);
    return { requests, taken: waiting.length };
  }

  async ask(request: PersonRequest): Promise<void> {
    await this.#redis.rpush(retrainerRequestsKey, JSON.stringify(request));
  }

  /**
   * Writes the state and what others are told of drift, and forgets the oldest `taken` requests, in one step. Throws
   * `LeaseLostError`.
   */
  async commit(state: RetrainerState, taken: number, drift: StoredDrift): Promise<void> {
    const keys = [fenceKey('auto-retrainer', PARTITION), retrainerKey, retrainerRequestsKey, driftReportKey];
    const args = [this.#fence ?? 0, encodeState(state), taken, JSON.stringify(drift)];
    const reply = await commitScript.run(this.#redis, keys, args);
    if (reply === 'OK') return;
    this.#group.forget(PARTITION);
    this.#fence = undefined;
    throw new LeaseLostError(PARTITION);
  }

  /** Lets another replica lead at once. */
  async leave(): Promise<void> {
    this.#fence = undefined;
    await this.#group.leave();
  }
}
