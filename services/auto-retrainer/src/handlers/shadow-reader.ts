import { shadowKey } from '@liminal/shared/contracts/keys';
import { noShadowCounts, SHADOW_FIELDS, type ShadowCounts } from '@liminal/shared/contracts/shadow-counts';
import type { Redis } from 'ioredis';

/** Adds up what the predictors counted of a shadow release. */
export class ShadowReader {
  readonly #redis: Redis;
  readonly #partitions: number;

  constructor(redis: Redis, partitions: number) {
    this.#redis = redis;
    this.#partitions = partitions;
  }

  /** Of `shadow` beside `production`; counts of another pair are of another shadowing and count nothing. */
  async counts(shadow: string | null, production: string | null): Promise<ShadowCounts> {
    const counts = noShadowCounts();
    if (shadow === null || production === null) return counts;
    const stored = await Promise.all(
      Array.from({ length: this.#partitions }, (_, partition) => this.#redis.hgetall(shadowKey(partition))),
    );
    for (const fields of stored) {
      if (fields.release !== shadow || fields.production !== production) continue;
      for (const field of SHADOW_FIELDS) counts[field] += Number(fields[field] ?? 0);
    }
    return counts;
  }
}
