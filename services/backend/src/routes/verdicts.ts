import { randomBytes } from 'node:crypto';
import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import type { AuditEntry } from '@liminal/shared/contracts/audit-entry';
import { featureRangesSchema } from '@liminal/shared/contracts/suppression';
import { type JudgedAnomaly, verdictBodySchema, verdictSchema } from '@liminal/shared/contracts/verdict';
import { errorBodySchema, type HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';
import type { FeedbackStore } from '../feedback/feedback-store.ts';
import { patternOf } from '../feedback/pattern.ts';
import { expiryRefusal } from '../feedback/rule-limits.ts';
import { effectOf } from '../feedback/verdict-effect.ts';
import type { Metrics } from '../metrics.ts';
import { findAnomaly } from '../queries/anomalies.ts';
import { explainedLike } from '../queries/explained-like.ts';
import { findSuppressedById } from '../queries/suppressed.ts';
import { verdictsOf } from '../queries/verdicts.ts';
import { anomalyParamsSchema } from '../requests/anomaly-params.ts';
import { suppressionAudit } from './suppression-audit.ts';

const takenSchema = verdictSchema.extend({
  effect: z.object({
    suppression: z.string().nullable().describe('Id of the rule that holds more of the same back from now on'),
    ended: z.array(z.string()).describe('Ids of rules that hold no longer'),
    because: z.string(),
  }),
});

const answerSchema = z.object({
  verdict: verdictSchema.nullable().describe('The last one, which counts; null = nobody has judged the anomaly'),
  history: z.array(verdictSchema).describe('All of them, oldest first'),
});

const patternSchema = z.object({
  user: z.string(),
  features: featureRangesSchema.describe('Ranges of features, as a suppression rule takes them'),
});

export interface VerdictsRoutesOptions {
  redis: Redis;
  config: Config;
  feedback: FeedbackStore;
  metrics: Metrics;
  now(): number;
  logger: Logger;
}

export const newRuleId = (): string => randomBytes(9).toString('base64url');

export function addVerdictsRoutes(http: HttpServer, options: VerdictsRoutesOptions): void {
  const { redis, config, feedback, metrics, now, logger } = options;
  const { feedbackAutomatic: isAutomatic, falsePositiveMs, suppressionMaxDays } = config;

  http.post(
    '/ml/anomalies/:id/verdict',
    {
      schema: {
        tags: ['feedback'],
        summary: 'Says whether an anomaly was a right alarm; a later verdict counts in place of an earlier one',
        params: anomalyParamsSchema,
        body: verdictBodySchema,
        response: { 201: takenSchema, 404: errorBodySchema },
      },
    },
    async ({ params: { id }, body: { suppress, expiresAt, ...said } }, reply) => {
      if (expiresAt !== undefined) {
        const refusal = expiryRefusal(expiresAt, now(), suppressionMaxDays);
        if (refusal !== undefined) throw errors('LIMINAL_ERR_VERDICT_EXPIRY', refusal.fields);
      }
      const anomaly = await judgedOrExisting(id);
      const explained = await explainedLike(redis, anomaly, logger);
      const taken = await feedback.change(({ now: at, rules, judged }) => {
        const verdict = { anomaly: id, ...said, ...(expiresAt !== undefined && { expiresAt }), at };
        const effect = effectOf(
          { verdict, anomaly: explained },
          { rules, judged, suppress },
          { isAutomatic, falsePositiveMs, newId: newRuleId },
        );
        const before = judged.find((alarm) => alarm.anomaly === id);
        const audit: AuditEntry = {
          at,
          author: verdict.author,
          automatic: false,
          entity: 'verdict',
          action: before === undefined ? 'create' : 'change',
          subject: id,
          user: anomaly.entity === 'user' ? anomaly.record.user : null,
          because: verdict.note,
          before: before === undefined ? null : { verdict: before.verdict, at: before.at },
          after: verdict,
        };
        const { added, ended, because } = effect;
        const changedRules = [...ended, ...(added === null ? [] : [added])];
        return {
          rules: changedRules,
          verdict: { verdict, anomaly },
          audit: [
            audit,
            ...changedRules.map((rule) =>
              suppressionAudit(
                rules.find(({ id: ruleId }) => ruleId === rule.id),
                rule,
                { at, author: verdict.author, automatic: true, because: `${verdict.verdict} on ${id}` },
              ),
            ),
          ],
          result: {
            ...verdict,
            effect: { suppression: added?.id ?? null, ended: ended.map((rule) => rule.id), because },
          },
        };
      });
      metrics.verdicts.labels(taken.verdict).inc();
      return reply.code(201).send(taken);
    },
  );

  http.get(
    '/ml/anomalies/:id/verdict',
    {
      schema: {
        tags: ['feedback'],
        summary: 'What was said of an anomaly',
        params: anomalyParamsSchema,
        response: { 200: answerSchema, 404: errorBodySchema },
      },
    },
    async ({ params: { id } }) => {
      const history = (await verdictsOf(redis, id)).map(({ verdict }) => verdict);
      if (history.length === 0) await existing(id);
      return { verdict: history.at(-1) ?? null, history };
    },
  );

  http.get(
    '/ml/anomalies/:id/pattern',
    {
      schema: {
        tags: ['feedback'],
        summary: 'What other vectors have to be to be more of the same as an anomaly: the start of a suppression rule',
        params: anomalyParamsSchema,
        response: { 200: patternSchema, 404: errorBodySchema },
      },
    },
    async ({ params: { id } }) => {
      const anomaly = await explainedLike(redis, await judgedOrExisting(id), logger);
      if (anomaly.entity === 'series') throw errors('LIMINAL_ERR_ANOMALY_OF_SERIES', { anomaly: id });
      return { user: anomaly.record.user, features: patternOf(anomaly) };
    },
  );

  /** What was judged is kept with the verdict. */
  async function judgedOrExisting(id: string): Promise<AnomalyEntry> {
    const [earlier] = await verdictsOf(redis, id);
    return earlier?.anomaly ?? (await existing(id));
  }

  async function existing(id: string): Promise<JudgedAnomaly['anomaly']> {
    const anomaly = await findAnomaly(redis, id, logger);
    if (anomaly !== undefined) return anomaly;
    const record = await findSuppressedById(redis, id, logger);
    if (record === undefined) throw errors('LIMINAL_ERR_ANOMALY_UNKNOWN', { anomaly: id });
    return { entity: 'user', record, explanation: 'not-kept' };
  }
}
