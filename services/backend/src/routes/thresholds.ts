import type { AuditEntry } from '@liminal/shared/contracts/audit-entry';
import { SUPPRESSION_REASONS, severitySchema } from '@liminal/shared/contracts/prediction';
import { authorSchema, noteSchema } from '@liminal/shared/contracts/verdict';
import { errorBodySchema, type HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Config } from '../config.ts';
import type { FeedbackStore } from '../feedback/feedback-store.ts';
import { PRECISION_MODELS, precisionOf } from '../feedback/precision.ts';
import { THRESHOLD_MEMORY_MS, type ThresholdResets } from '../feedback/thresholds.ts';
import { readHits } from '../queries/suppressed.ts';

const rateShape = {
  factor: z.number().describe('Times the alarm rate of the operator'),
  rate: z.number().describe('The alarm rate that holds'),
  because: z.string(),
};

const thresholdsSchema = z.object({
  alertRate: z.number().describe('The alarm rate of the operator, which none goes beyond'),
  automatic: z.boolean().describe('Whether verdicts move rates'),
  revision: z.int().describe('Of what the predictor is told; GET /alarm-policy there tells which one is in force'),
  global: z.object({
    ...rateShape,
    confirmed: z.int().describe('Judged users that were right alarms'),
    judged: z.int(),
  }),
  users: z.array(
    z.object({
      user: z.string(),
      ...rateShape,
      falseEpisodes: z.int().describe('Occasions on which the alarms of the user were wrong, since the last right one'),
      until: z.int().describe('When the first of them is forgotten and the rate rises, ms since the epoch'),
    }),
  ),
  heldBack: z
    .array(z.object({ reason: z.enum(SUPPRESSION_REASONS), vectors: z.int(), lastTs: z.int().nullable() }))
    .describe('What lowered rates have held back; GET /ml/suppressed lists it'),
});

const precisionSchema = z.object({
  precision: z.array(
    z.object({
      model: z
        .enum(PRECISION_MODELS)
        .describe('combined: of all alarms of users; a model: of those that it would raise alone'),
      severity: severitySchema,
      confirmed: z.int(),
      judged: z.int(),
      precision: z.number(),
    }),
  ),
});

const resetBodySchema = z.strictObject({
  user: z
    .string()
    .min(1)
    .nullable()
    .describe('Whose rate is to be that of the operator again; null = that of everybody'),
  author: authorSchema,
  note: noteSchema.default(''),
});

export interface ThresholdsRoutesOptions {
  redis: Redis;
  config: Config;
  feedback: FeedbackStore;
}

export function addThresholdsRoutes(http: HttpServer, { redis, config, feedback }: ThresholdsRoutesOptions): void {
  const { anomalyAlertRate: alertRate, feedbackAutomatic: automatic } = config;
  const tags = ['feedback'];

  http.get(
    '/ml/thresholds',
    {
      schema: {
        tags,
        summary: 'The alarm rates that verdicts have lowered, and why',
        response: { 200: thresholdsSchema },
      },
    },
    answer,
  );

  http.post(
    '/ml/thresholds/reset',
    {
      schema: {
        tags,
        summary: 'Gives a user, or everybody, the alarm rate of the operator again: verdicts until now move it no more',
        body: resetBodySchema,
        response: { 200: thresholdsSchema, 400: errorBodySchema },
      },
    },
    async ({ body: { user, author, note } }) => {
      await feedback.change((current) => {
        const { now, resets } = current;
        const audit: AuditEntry = {
          at: now,
          author,
          automatic: false,
          entity: 'threshold',
          action: 'reset',
          subject: user === null ? 'global' : `user:${user}`,
          user,
          because: note,
          before: { since: (user === null ? resets.global : resets.users[user]) ?? null },
          after: { since: now },
        };
        return { resets: withReset(resets, user, now), audit: [audit], result: undefined };
      });
      return answer();
    },
  );

  http.get(
    '/ml/precision',
    {
      schema: {
        tags,
        summary: 'Of the alarms that were judged in the last 90 days: how many were right',
        response: { 200: precisionSchema },
      },
    },
    async () => {
      const { judged } = await feedback.read();
      const precision = precisionOf(judged, alertRate).map((one) => ({
        ...one,
        precision: one.confirmed / one.judged,
      }));
      return { precision };
    },
  );

  async function answer(): Promise<z.input<typeof thresholdsSchema>> {
    const [current, hitsOf] = await Promise.all([feedback.read(), readHits(redis)]);
    const { global, users } = feedback.thresholds(current);
    return {
      alertRate,
      automatic,
      revision: current.revision,
      global: { ...global, rate: alertRate * global.factor },
      users: users.map(({ untilMs, ...user }) => ({ ...user, rate: alertRate * user.factor, until: untilMs })),
      heldBack: SUPPRESSION_REASONS.filter((reason) => reason !== 'rule').map((reason) => {
        const { count, lastTs } = hitsOf(reason);
        return { reason, vectors: count, lastTs };
      }),
    };
  }
}

/** What is older than verdicts are remembered says nothing any more. */
function withReset({ global, users }: ThresholdResets, user: string | null, now: number): ThresholdResets {
  const recent = Object.fromEntries(Object.entries(users).filter(([, at]) => at > now - THRESHOLD_MEMORY_MS));
  return user === null ? { global: now, users: recent } : { global, users: { ...recent, [user]: now } };
}
