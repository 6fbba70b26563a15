import { LuaScript } from '@liminal/shared/adapters/lua-script';
import { type AlarmPolicy, decodeAlarmPolicy, NO_POLICY } from '@liminal/shared/contracts/alarm-policy';
import type { AuditEntry } from '@liminal/shared/contracts/audit-entry';
import {
  alarmPolicyKey,
  auditKey,
  suppressionHitsKey,
  suppressionsKey,
  verdictsKey,
  verdictsOfKey,
} from '@liminal/shared/contracts/keys';
import { isInForce, type Suppression, suppressionSchema } from '@liminal/shared/contracts/suppression';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import { encodeJudgedAnomaly, type JudgedAnomaly } from '@liminal/shared/contracts/verdict';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import { errors } from '../errors.ts';
import { type JudgedAlarm, type JudgedAlarms, toJudgedAlarm } from './judged-alarms.ts';
import { policyOf, thresholdAudit } from './policy.ts';
import { NO_RESETS, type ThresholdLimits, type ThresholdResets, type Thresholds, thresholdsOf } from './thresholds.ts';

const feedbackScript = new LuaScript(new URL('./feedback.lua', import.meta.url));
const MOST_TRIES = 20;
/** Rules that are over, the newest of which stay listed; the audit log forgets nothing. */
const MOST_RULES_OVER = 1_000;

const resetsSchema = z.object({ global: z.number(), users: z.record(z.string(), z.number()) });

/** All that analysts have decided, as it stands. */
export interface Feedback {
  now: number;
  revision: number;
  rules: Suppression[];
  resets: ThresholdResets;
  judged: JudgedAlarm[];
  /** What the predictor was told last. */
  policy: AlarmPolicy;
}

/** What is to change, and what is said of it. */
export interface FeedbackChange<Result> {
  /** New ones, and changed ones in place of those with their ids. */
  rules?: Suppression[];
  resets?: ThresholdResets;
  verdict?: JudgedAnomaly;
  audit: AuditEntry[];
  result: Result;
}

export interface FeedbackStoreOptions {
  redis: Redis;
  judgedAlarms: JudgedAlarms;
  limits: ThresholdLimits;
  /** Off: verdicts move no thresholds. */
  isAutomatic: boolean;
  logger: Logger;
  now(): number;
}

/**
 * What analysts decide, kept whole: a verdict, the rules and rates that follow from it, what the predictor is told and the audit
 * entries are written in one step or not at all, and never over what another backend has written meanwhile.
 */
export class FeedbackStore {
  readonly #options: FeedbackStoreOptions;

  constructor(options: FeedbackStoreOptions) {
    this.#options = options;
  }

  async read(): Promise<Feedback> {
    const { redis, judgedAlarms, now } = this.#options;
    const at = now();
    // First the revision: what is read after it and is newer makes the write be refused.
    const [revision, policy, resets] = await redis.hmget(alarmPolicyKey, 'revision', 'policy', 'resets');
    return {
      now: at,
      revision: Number(revision ?? 0),
      rules: this.#decodeRules(await redis.hgetall(suppressionsKey)),
      resets: resets == null ? NO_RESETS : resetsSchema.parse(JSON.parse(resets)),
      judged: await judgedAlarms.read(at),
      policy: policy == null ? NO_POLICY : this.#decodePolicy(policy),
    };
  }

  /** What follows from the verdicts for the alarm rate. */
  thresholds({ judged, resets, now }: Pick<Feedback, 'judged' | 'resets' | 'now'>): Thresholds {
    const { limits, isAutomatic } = this.#options;
    return thresholdsOf(isAutomatic ? judged : [], resets, now, limits);
  }

  /** Decides on what stands and writes it; decides again where something has changed in between. */
  async change<Result>(decide: (feedback: Feedback) => FeedbackChange<Result>): Promise<Result> {
    for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
      const feedback = await this.read();
      const change = decide(feedback);
      if (await this.#write(feedback, change)) return change.result;
    }
    throw errors('LIMINAL_ERR_FEEDBACK_BUSY', { retryAfterSeconds: 1 });
  }

  /** Lets what time has changed take effect: rates rise again, rules are over. */
  async tend(): Promise<void> {
    const feedback = await this.read();
    const policy = policyOf(feedback, this.thresholds(feedback), feedback.policy.revision);
    if (JSON.stringify(policy) === JSON.stringify(feedback.policy)) return;
    // Another backend that does the same meanwhile does it as well.
    await this.#write(feedback, { audit: [], result: undefined });
  }

  async #write(before: Feedback, change: FeedbackChange<unknown>): Promise<boolean> {
    const { now, revision } = before;
    const { redis } = this.#options;
    const { verdict } = change;
    const changed = new Map(before.rules.map((rule) => [rule.id, rule]));
    for (const rule of change.rules ?? []) changed.set(rule.id, rule);
    const forgotten = forgettable([...changed.values()], now);
    for (const id of forgotten) changed.delete(id);
    const after: Feedback = {
      ...before,
      rules: [...changed.values()],
      resets: change.resets ?? before.resets,
      judged: verdict === undefined ? before.judged : withVerdict(before.judged, verdict),
    };
    const thresholds = this.thresholds(after);
    const policy = policyOf(after, thresholds, revision + 1);
    const audit = [...change.audit, ...thresholdAudit(before.policy, policy, thresholds, now)];
    const written = (change.rules ?? []).filter(({ id }) => !forgotten.includes(id));
    const reply = await feedbackScript.run(
      redis,
      [
        alarmPolicyKey,
        suppressionsKey,
        suppressionHitsKey,
        auditKey,
        ...(verdict === undefined ? [] : [verdictsKey, verdictsOfKey(verdict.verdict.anomaly)]),
      ],
      [
        revision,
        JSON.stringify(policy),
        JSON.stringify(after.resets),
        written.length,
        ...written.flatMap((rule) => [rule.id, JSON.stringify(rule)]),
        forgotten.length,
        ...forgotten,
        audit.length,
        ...audit.map((entry) => JSON.stringify(entry)),
        ...(verdict === undefined ? [] : verdictArguments(verdict)),
      ],
    );
    return reply !== -1;
  }

  #decodeRules(stored: Record<string, string>): Suppression[] {
    const rules: Suppression[] = [];
    for (const [id, text] of Object.entries(stored)) {
      try {
        rules.push(suppressionSchema.parse(JSON.parse(text)));
      } catch (error) {
        // One that can't be read must not keep people from changing the others.
        this.#options.logger.error({ err: error, rule: id }, 'suppression rule can not be read and is left out');
      }
    }
    return rules.sort((left, right) => left.createdAt - right.createdAt || (left.id < right.id ? -1 : 1));
  }

  #decodePolicy(text: string): AlarmPolicy {
    try {
      return decodeAlarmPolicy(text);
    } catch (error) {
      if (!(error instanceof UndecodableError)) throw error;
      this.#options.logger.error({ err: error }, 'alarm policy can not be read; it is made anew from the rules');
      return NO_POLICY;
    }
  }
}

function withVerdict(judged: readonly JudgedAlarm[], said: JudgedAnomaly): JudgedAlarm[] {
  const alarm = toJudgedAlarm(said);
  return [...judged.filter(({ anomaly }) => anomaly !== alarm.anomaly), alarm];
}

function forgettable(rules: readonly Suppression[], now: number): string[] {
  const over = rules.filter((rule) => !isInForce(rule, now));
  const endOf = ({ ended, untilTs }: Suppression): number => ended?.at ?? untilTs;
  return over
    .sort((left, right) => endOf(right) - endOf(left))
    .slice(MOST_RULES_OVER)
    .map(({ id }) => id);
}

function verdictArguments(judged: JudgedAnomaly): (string | Buffer)[] {
  const { v, entity, b, x } = encodeJudgedAnomaly(judged);
  return x === undefined ? [v, entity, b] : [v, entity, b, x];
}
