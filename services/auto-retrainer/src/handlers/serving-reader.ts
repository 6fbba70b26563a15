import { servingKey } from '@liminal/shared/contracts/keys';
import { noServingCounts, SERVING_FIELDS, type ServingCounts } from '@liminal/shared/contracts/serving-counts';
import type { Redis } from 'ioredis';

/** Adds up what the predictors counted of a release that serves. */
export class ServingReader {
  readonly #redis: Redis;
  readonly #partitions: number;

  constructor(redis: Redis, partitions: number) {
    this.#redis = redis;
    this.#partitions = partitions;
  }

  async counts(release: string): Promise<ServingCounts> {
    const counts = noServingCounts();
    const stored = await Promise.all(
      Array.from({ length: this.#partitions }, (_, partition) => this.#redis.hgetall(servingKey(partition, release))),
    );
    for (const fields of stored) for (const field of SERVING_FIELDS) counts[field] += Number(fields[field] ?? 0);
    return counts;
  }
}
