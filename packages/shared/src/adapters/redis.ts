import { Redis } from 'ioredis';
import type { Logger } from 'pino';

export interface RedisOptions {
  url: string;
  logger: Logger;
  /** What the connection is for, as `CLIENT LIST` shows it. */
  connectionName: string;
  /**
   * `call`: somebody waits for the answer, so an outage is an error within seconds.
   * `worker`: nobody waits, so a command waits for Redis to come back.
   */
  purpose: 'call' | 'worker';
}

const RECONNECT_AT_MOST_MS = 1_000;
const CALL_TIMEOUT_MS = 5_000;

/** A connection that reconnects for ever, and logs each outage once. */
export function connectRedis({ url, logger, connectionName, purpose }: RedisOptions): Redis {
  const redis = new Redis(url, {
    connectionName,
    enableOfflineQueue: purpose === 'worker',
    maxRetriesPerRequest: purpose === 'worker' ? null : 1,
    ...(purpose === 'call' && { commandTimeout: CALL_TIMEOUT_MS }),
    retryStrategy: (attempt) => Math.min(50 * attempt, RECONNECT_AT_MOST_MS),
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
  let isAway = false;
  redis.on('error', (error: Error) => {
    if (!isAway) logger.warn({ err: error, connectionName }, 'redis is away; reconnecting');
    isAway = true;
  });
  redis.on('ready', () => {
    if (isAway) logger.info({ connectionName }, 'redis is back');
    isAway = false;
  });
  return redis;
}

/** Throws in plain words while Redis does not answer. */
export async function checkRedis(redis: Redis): Promise<void> {
  if (redis.status !== 'ready') throw new Error(`Redis is not connected (${redis.status}): check REDIS_URL`);
  await redis.ping();
}
