import { holdOutSchema } from '@liminal/shared/contracts/jobs';
import { z } from 'zod';
import { OUTCOMES, PHASES } from '../rollout/rollout.ts';

/** A rollout as the API shows it. */
export const rolloutSchema = z.object({
  id: z.string(),
  reason: z.string(),
  because: z.string(),
  requestedBy: z.string(),
  rows: z.object({ sinceTs: z.number().optional(), untilTs: z.number().optional() }),
  skips: z.enum(['nothing', 'gate and shadow', 'everything']),
  champion: z.string().nullable().describe('What served when it began'),
  challenger: z.string().nullable().describe('What is to serve'),
  holdOut: holdOutSchema.nullable().describe('Rows that the challenger was not trained on'),
  phase: z.enum(PHASES),
  phaseSince: z.number(),
  isShadow: z.boolean().default(false).describe('Whether the challenger was seen as a shadow'),
  outcome: z.enum(OUTCOMES).nullable(),
  endedAt: z.number().nullable(),
  steps: z.array(z.object({ at: z.number(), step: z.string(), because: z.string() })),
});
