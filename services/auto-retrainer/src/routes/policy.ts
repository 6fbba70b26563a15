import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import type { RetrainerLoop } from '../handlers/retrainer-loop.ts';
import { rolloutSchema } from './rollout-schema.ts';

const lookSchema = z.object({
  at: z.int(),
  leads: z.boolean().describe('Whether this replica acts; the others look on'),
  situation: z.object({
    now: z.int(),
    production: z
      .object({
        release: z.string(),
        provisional: z.boolean(),
        createdAt: z.int(),
        spanMs: z.number().describe('Event time that its training rows cover'),
      })
      .optional(),
    rows: z.int(),
    users: z.int(),
    isTraining: z.boolean(),
    isPaused: z.boolean(),
    lastEndedAt: z.number().optional(),
    failedInARow: z.int().describe('Rollouts that were refused, dropped or rolled back since the last promotion'),
    hasGoneBack: z.boolean().describe('Whether the last rollout went back to what served before'),
    request: z.object({ by: z.string(), because: z.string() }).optional(),
    drift: z
      .object({
        isAlarm: z.boolean(),
        effect: z.string(),
        sinceTs: z.number().nullable(),
        rowsSinceChange: z.int(),
        spanMs: z.number().describe('Event time since the likely change'),
      })
      .optional(),
    verdicts: z.object({ confirmed: z.int(), judged: z.int() }).optional(),
  }),
  decision: z.object({ action: z.enum(['train', 'wait']), reason: z.string(), because: z.string() }),
});

export function addPolicyRoutes(http: HttpServer, loop: RetrainerLoop): void {
  http.get(
    '/policy',
    {
      schema: {
        tags: ['policy'],
        summary: 'What the last look at the rules found, what was decided, and the rollout that is under way',
        response: {
          200: z.object({
            last: lookSchema.nullable(),
            rollout: rolloutSchema.nullable(),
            paused: z.object({ by: z.string(), because: z.string(), at: z.int() }).nullable(),
          }),
        },
      },
    },
    () => ({ last: loop.last ?? null, rollout: loop.state.rollout, paused: loop.state.paused }),
  );
}
