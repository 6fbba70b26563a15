import { setTimeout as sleep } from 'node:timers/promises';
import { decodeAlarmPolicy, NO_POLICY } from '@liminal/shared/contracts/alarm-policy';
import { alarmPolicyKey } from '@liminal/shared/contracts/keys';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics.ts';
import { DecidedAlarms } from './decided-alarms.ts';

export interface AlarmPolicyWatcherOptions {
  redis: Redis;
  pollMs: number;
  metrics: Metrics;
  logger: Logger;
  now(): number;
}

/**
 * Follows what analysts have decided about alarms. A look reads the revision alone, and the policy where that has changed.
 * A policy that can't be read leaves the one before in force, and says so; so does a Redis that is away.
 */
export class AlarmPolicyWatcher {
  readonly #options: AlarmPolicyWatcherOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #current = new DecidedAlarms(NO_POLICY);
  /** As it stands in Redis, readable or not. */
  #seen: string | null | undefined;
  #lookedAt: number | undefined;
  #unreadable: string | null = null;
  #away: string | null = null;

  constructor(options: AlarmPolicyWatcherOptions) {
    this.#options = options;
  }

  get current(): DecidedAlarms {
    return this.#current;
  }

  /** False until the first look: what was decided before this process started holds for its first vector. */
  get hasLooked(): boolean {
    return this.#seen !== undefined;
  }

  /** What is in force, for people. */
  get state() {
    return { ...this.#inForce, lookedAt: this.#lookedAt ?? null, problem: this.#away ?? this.#unreadable };
  }

  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { pollMs } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#look();
      // It rejects only because it was woken to stop.
      await sleep(pollMs, undefined, { signal }).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const { redis, metrics, logger, now } = this.#options;
    try {
      const revision = await redis.hget(alarmPolicyKey, 'revision');
      if (revision !== this.#seen) await this.#read();
      this.#lookedAt = now();
      this.#away = null;
    } catch (error) {
      metrics.alarmPolicyReads.labels('failed').inc();
      // Once, not at every look.
      if (this.#away === null) logger.error({ err: error, ...this.#inForce }, 'alarm policy can not be looked at');
      this.#away = error instanceof Error ? error.message : String(error);
    }
  }

  async #read(): Promise<void> {
    const { redis, metrics, logger } = this.#options;
    const [revision, text] = await redis.hmget(alarmPolicyKey, 'revision', 'policy');
    try {
      this.#current = new DecidedAlarms(text == null ? NO_POLICY : decodeAlarmPolicy(text));
      this.#unreadable = null;
      metrics.suppressionRules.set(this.#current.rules);
      metrics.alarmPolicyReads.labels('read').inc();
      logger.info(this.#inForce, 'alarm policy in force');
    } catch (error) {
      if (!(error instanceof UndecodableError)) throw error;
      this.#unreadable = error.message;
      metrics.alarmPolicyReads.labels('unreadable').inc();
      logger.error({ err: error, ...this.#inForce }, 'alarm policy can not be read; the one before stays in force');
    }
    this.#seen = revision ?? null;
  }

  get #inForce() {
    const { revision, rules } = this.#current;
    return { revision, rules };
  }
}
