import type { Redis } from 'ioredis';
import { fenceKey, leaseKey, membersKey, type ReaderGroup } from '../contracts/keys.ts';
import { LuaScript } from './lua-script.ts';

const claimScript = new LuaScript(new URL('./claim-partition.lua', import.meta.url));
const renewScript = new LuaScript(new URL('./renew-partition.lua', import.meta.url));
const releaseScript = new LuaScript(new URL('./release-partition.lua', import.meta.url));
const beatScript = new LuaScript(new URL('./beat.lua', import.meta.url));

export interface PartitionGroupOptions {
  redis: Redis;
  group: ReaderGroup;
  partitions: number;
  instanceId: string;
  /** How long a partition stays with an instance that gives no sign of life. */
  leaseMs: number;
}

/** The right to write a partition's results, until somebody else gets a newer fencing token. */
export interface Lease {
  partition: number;
  fence: number;
}

/**
 * Shares the partitions of a stream among the live instances of a group. A lease says who should work; the fencing
 * token, which every commit checks, makes sure that nobody else's work counts (Kleppmann 2016).
 */
export class PartitionGroup {
  readonly #options: PartitionGroupOptions;
  readonly #held = new Map<number, Lease>();

  constructor(options: PartitionGroupOptions) {
    this.#options = options;
  }

  /**
   * Gives a sign of life, extends the leases, and compares what is held with a fair share.
   * `lost`: partitions that others hold now. `surplus`: partitions to finish and `release`.
   * `gained`: leases that are new here.
   */
  async rebalance(): Promise<{ gained: Lease[]; lost: number[]; surplus: number[] }> {
    const { redis, group, partitions, instanceId, leaseMs } = this.#options;
    const members = Number(await beatScript.run(redis, [membersKey(group)], [instanceId, leaseMs]));
    const share = Math.ceil(partitions / Math.max(members, 1));
    const lost = await this.#renew();
    const surplus = [...this.#held.keys()].slice(share);
    const gained: Lease[] = [];
    for (let partition = 0; partition < partitions && this.#held.size < share; partition++) {
      if (this.#held.has(partition)) continue;
      const fence = await claimScript.run(redis, this.#keys(partition), [instanceId, leaseMs]);
      if (fence === null) continue;
      const lease = { partition, fence: Number(fence) };
      this.#held.set(partition, lease);
      gained.push(lease);
    }
    return { gained, lost, surplus };
  }

  /** Gives a partition up after its work is committed. */
  async release(partition: number): Promise<void> {
    const lease = this.#held.get(partition);
    if (lease === undefined) return;
    this.#held.delete(partition);
    await releaseScript.run(this.#options.redis, this.#keys(partition), [this.#options.instanceId, lease.fence]);
  }

  /** Forgets a partition whose fencing token is no longer the newest; the next `rebalance` may claim it again. */
  forget(partition: number): void {
    this.#held.delete(partition);
  }

  /** Leaves the group, so that the others take over without waiting for a time-out. */
  async leave(): Promise<void> {
    for (const partition of [...this.#held.keys()]) await this.release(partition);
    await this.#options.redis.zrem(membersKey(this.#options.group), this.#options.instanceId);
  }

  async #renew(): Promise<number[]> {
    const { redis, instanceId, leaseMs } = this.#options;
    const leases = [...this.#held.values()];
    const renewed = await Promise.all(
      leases.map(({ partition, fence }) => renewScript.run(redis, this.#keys(partition), [instanceId, fence, leaseMs])),
    );
    const lost = leases.filter((_, index) => renewed[index] !== 1).map((lease) => lease.partition);
    for (const partition of lost) this.#held.delete(partition);
    return lost;
  }

  #keys(partition: number): string[] {
    return [leaseKey(this.#options.group, partition), fenceKey(this.#options.group, partition)];
  }
}
