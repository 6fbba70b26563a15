import { servingKey } from '@liminal/shared/contracts/keys';
import type { ServingField } from '@liminal/shared/contracts/serving-counts';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';

const KEPT_SECONDS = 86_400;

/**
 * Counts where the release that serves fails, so that a release that was just promoted can be watched. Written after
 * the commit, or after what kept it from coming about: a crash may lose some counts, and a failure here fails nothing.
 */
export class ServingFailures {
  readonly #redis: Redis;
  readonly #logger: Logger;
  readonly #counted = new Map<string, number>();

  constructor({ redis, logger }: { redis: Redis; logger: Logger }) {
    this.#redis = redis;
    this.#logger = logger;
  }

  add(partition: number, release: string, field: ServingField, count = 1): void {
    const key = `${partition} ${release} ${field}`;
    this.#counted.set(key, (this.#counted.get(key) ?? 0) + count);
  }

  /** Writes what was counted of all partitions since the last time. */
  async flush(): Promise<void> {
    if (this.#counted.size === 0) return;
    const counted = [...this.#counted];
    this.#counted.clear();
    try {
      const commands = this.#redis.pipeline();
      for (const [key, count] of counted) {
        const [partition, release, field] = key.split(' ') as [string, string, ServingField];
        const hash = servingKey(Number(partition), release);
        commands.hincrby(hash, field, count).expire(hash, KEPT_SECONDS);
      }
      const replies = await commands.exec();
      const failed = replies?.find(([error]) => error !== null);
      if (failed !== undefined) throw failed[0];
    } catch (error) {
      this.#logger.warn({ err: error }, 'counts of what failed were not written');
    }
  }
}
