import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis, RedisKey } from 'ioredis';

/** A Lua script in a file of its own, sent whole only when Redis does not know it yet. */
export class LuaScript {
  readonly #source: string;
  readonly #sha1: string;

  constructor(file: URL) {
    this.#source = readFileSync(file, 'utf8');
    this.#sha1 = createHash('sha1').update(this.#source).digest('hex');
  }

  async run(redis: Redis, keys: readonly RedisKey[], args: readonly (RedisKey | number)[]): Promise<unknown> {
    try {
      return await redis.evalsha(this.#sha1, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await redis.eval(this.#source, keys.length, ...keys, ...args);
    }
  }
}
