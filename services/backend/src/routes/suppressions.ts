import { anomalySchema, SUPPRESSION_REASONS } from '@liminal/shared/contracts/prediction';
import { toAnomaly } from '@liminal/shared/contracts/prediction-batch';
import {
  featureRangesSchema,
  isInForce,
  type Suppression,
  type SuppressionMatch,
  suppressionIdSchema,
  suppressionMatchSchema,
  suppressionSchema,
  timeOfDaySchema,
} from '@liminal/shared/contracts/suppression';
import { authorSchema, momentSchema, noteSchema } from '@liminal/shared/contracts/verdict';
import { errorBodySchema, type HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';
import type { Feedback, FeedbackStore } from '../feedback/feedback-store.ts';
import { coverageOf, type Refusal, refusalOf } from '../feedback/rule-limits.ts';
import { findSuppressed, type Hits, readHits, recentAlarms } from '../queries/suppressed.ts';
import { cursorSchema, nextSchema } from './keyset.ts';
import { suppressionAudit } from './suppression-audit.ts';
import { newRuleId } from './verdicts.ts';

/** Newest alarms that a rule is tried on before it holds. */
const RECENT_ALARMS = 2_000;
const STATES = ['active', 'over', 'ended'] as const;

const matchShape = {
  user: suppressionMatchSchema.shape.user.default(null),
  features: featureRangesSchema.default({}).describe('Ranges of features by name; a vector has to lie in all of them'),
  timeOfDay: timeOfDaySchema.nullable().default(null).describe('Only at these hours, in UTC'),
  from: momentSchema.nullable().default(null).describe('Only vectors of this event time or later'),
  expiresAt: momentSchema.describe('Only vectors of an event time before this one: then the rule is over'),
};
/** Takes the body of a rule as it is: who makes it and why changes nothing of what it would hold back. */
const previewBodySchema = z.strictObject({
  ...matchShape,
  reason: noteSchema.optional(),
  author: authorSchema.optional(),
});
const bodySchema = z.strictObject({
  ...matchShape,
  reason: noteSchema.min(1, 'must say why'),
  author: authorSchema,
});
const changeBodySchema = z.strictObject({
  expiresAt: momentSchema,
  reason: noteSchema.min(1).optional(),
  author: authorSchema,
});

const servedSchema = suppressionSchema.extend({
  state: z.enum(STATES).describe('over: expired; ended: taken back before'),
  hits: z.int().describe('Vectors that would have alarmed and were held back by it'),
  lastHitTs: z.int().nullable().describe('Event time of the newest of them, ms since the epoch'),
});

const previewSchema = z.object({
  alarms: z.int().describe('Recent alarms of users, which it was tried on'),
  held: z.int().describe('How many of them it would have held back'),
  users: z.int(),
  usersHeld: z.int(),
  examples: z.array(z.string()).describe('Ids of the newest that it would have held back'),
  confirmed: z.array(z.string()).describe('Ids of what it would have held back although analysts have confirmed it'),
  refusal: z
    .string()
    .nullable()
    .describe('Error code that POST /ml/suppressions would answer; null = it would be taken'),
});

export interface SuppressionsRoutesOptions {
  redis: Redis;
  config: Config;
  feedback: FeedbackStore;
  logger: Logger;
}

export function addSuppressionsRoutes(http: HttpServer, options: SuppressionsRoutesOptions): void {
  const { redis, config, feedback, logger } = options;
  const maxDays = config.suppressionMaxDays;
  const params = z.object({ id: suppressionIdSchema });
  const tags = ['feedback'];

  http.post(
    '/ml/suppressions',
    {
      schema: {
        tags,
        summary:
          'Holds alarms back from now on: they keep their p-values, are counted, and GET /ml/suppressed lists them',
        body: bodySchema,
        response: { 201: servedSchema, 409: errorBodySchema, 422: errorBodySchema },
      },
    },
    async ({ body }, reply) => {
      const { author, reason } = body;
      const match = toMatch(body);
      const recent = await recentAlarms(redis, RECENT_ALARMS, logger);
      const rule = await feedback.change(({ now, rules, judged }) => {
        orRefused(refusalOf(match, coverageOf(match, recent, judged), { now, maxDays, rules }));
        const added: Suppression = {
          id: newRuleId(),
          ...match,
          reason,
          author,
          createdAt: now,
          source: 'analyst',
          anomaly: null,
          ended: null,
        };
        const audit = suppressionAudit(undefined, added, { at: now, author, automatic: false, because: reason });
        return { rules: [added], audit: [audit], result: added };
      });
      return reply.code(201).send(served(rule, { count: 0, lastTs: null }, rule.createdAt));
    },
  );

  http.post(
    '/ml/suppressions/preview',
    {
      schema: {
        tags,
        summary: 'What a rule would have held back of the recent alarms; changes nothing',
        body: previewBodySchema,
        response: { 200: previewSchema },
      },
    },
    async ({ body }) => {
      const match = toMatch(body);
      const [recent, { now, rules, judged }] = await Promise.all([
        recentAlarms(redis, RECENT_ALARMS, logger),
        feedback.read(),
      ]);
      const coverage = coverageOf(match, recent, judged);
      return { ...coverage, refusal: refusalOf(match, coverage, { now, maxDays, rules })?.code ?? null };
    },
  );

  http.get(
    '/ml/suppressions',
    {
      schema: {
        tags,
        summary: 'Suppression rules, newest first, and how much each has held back',
        querystring: z.strictObject({
          state: z.enum([...STATES, 'all']).default('active'),
          user: z.string().min(1).optional().describe('Only rules for this user'),
        }),
        response: { 200: z.object({ suppressions: z.array(servedSchema) }) },
      },
    },
    async ({ query: { state, user } }) => {
      const [{ rules, now }, hitsOf] = await Promise.all([feedback.read(), readHits(redis)]);
      const suppressions = rules
        .map((rule) => served(rule, hitsOf(rule.id), now))
        .filter((rule) => (state === 'all' || rule.state === state) && (user === undefined || rule.user === user))
        .reverse();
      return { suppressions };
    },
  );

  http.get(
    '/ml/suppressions/:id',
    { schema: { tags, summary: 'A suppression rule', params, response: { 200: servedSchema, 404: errorBodySchema } } },
    async ({ params: { id } }) => {
      const [current, hitsOf] = await Promise.all([feedback.read(), readHits(redis)]);
      return served(existing(current, id), hitsOf(id), current.now);
    },
  );

  http.patch(
    '/ml/suppressions/:id',
    {
      schema: {
        tags,
        summary: 'Changes when a rule is over, and why it is there',
        params,
        body: changeBodySchema,
        response: { 200: servedSchema, 404: errorBodySchema, 409: errorBodySchema },
      },
    },
    async ({ params: { id }, body: { expiresAt, reason, author } }) => {
      const [rule, hitsOf] = await Promise.all([
        changeRule(id, author, (before, now) => {
          const after = { ...before, untilTs: expiresAt, reason: reason ?? before.reason };
          // All that a new one would be asked, but for the room that it takes.
          orRefused(refusalOf(after, coverageOf(after, [], []), { now, maxDays, rules: [] }));
          return { after, because: after.reason };
        }),
        readHits(redis),
      ]);
      return served(rule.after, hitsOf(id), rule.now);
    },
  );

  http.delete(
    '/ml/suppressions/:id',
    {
      schema: {
        tags,
        summary: 'Takes a rule back; it stays listed as ended',
        params,
        querystring: z.strictObject({ author: authorSchema, note: noteSchema.default('') }),
        response: { 200: servedSchema, 404: errorBodySchema, 409: errorBodySchema },
      },
    },
    async ({ params: { id }, query: { author, note } }) => {
      const rule = await changeRule(id, author, (before, at) => ({
        after: { ...before, ended: { at, by: author, note } },
        because: note,
      }));
      return served(rule.after, (await readHits(redis))(id), rule.now);
    },
  );

  http.get(
    '/ml/suppressed',
    {
      schema: {
        tags,
        summary: 'Vectors that would have alarmed and were held back, newest first',
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(1).max(500).default(50),
          rule: suppressionIdSchema.optional(),
          user: z.string().min(1).optional(),
          reason: z.enum(SUPPRESSION_REASONS).optional(),
          before: cursorSchema,
        }),
        response: { 200: z.object({ suppressed: z.array(anomalySchema), next: nextSchema }) },
      },
    },
    async ({ query }) => {
      const { items, next } = await findSuppressed(redis, query, logger);
      return { suppressed: items.map(toAnomaly), next };
    },
  );

  function changeRule(
    id: string,
    author: string,
    change: (before: Suppression, now: number) => { after: Suppression; because: string },
  ): Promise<{ after: Suppression; now: number }> {
    return feedback.change((current) => {
      const { now } = current;
      const before = existing(current, id);
      if (!isInForce(before, now)) throw errors('LIMINAL_ERR_SUPPRESSION_OVER', { rule: id });
      const { after, because } = change(before, now);
      const audit = suppressionAudit(before, after, { at: now, author, automatic: false, because });
      return { rules: [after], audit: [audit], result: { after, now } };
    });
  }
}

function existing({ rules }: Feedback, id: string): Suppression {
  const rule = rules.find((one) => one.id === id);
  if (rule === undefined) throw errors('LIMINAL_ERR_SUPPRESSION_UNKNOWN', { rule: id });
  return rule;
}

function orRefused(refusal: Refusal | undefined): void {
  if (refusal !== undefined) throw errors(refusal.code, refusal.fields);
}

const toMatch = ({
  user,
  features,
  timeOfDay,
  from,
  expiresAt,
}: z.output<typeof previewBodySchema>): SuppressionMatch => ({
  user,
  features,
  timeOfDay,
  fromTs: from,
  untilTs: expiresAt,
});

function served(rule: Suppression, { count, lastTs }: Hits, now: number): z.output<typeof servedSchema> {
  const state = rule.ended !== null ? 'ended' : isInForce(rule, now) ? 'active' : 'over';
  return { ...rule, state, hits: count, lastHitTs: lastTs };
}
