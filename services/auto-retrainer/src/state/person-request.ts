import { releaseIdSchema } from '@liminal/shared/contracts/release';
import { z } from 'zod';

const who = {
  by: z.string().min(1).max(200),
  because: z.string().min(1).max(1_000),
};

/** What a person asks of the auto-retrainer; its leader takes it up at its next look. */
export const personRequestSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('retrain'),
    ...who,
    sinceTs: z.int().optional(),
    untilTs: z.int().optional(),
    skipsGate: z.boolean(),
  }),
  z.object({ kind: z.literal('rollback'), ...who, to: releaseIdSchema.optional() }),
  z.object({ kind: z.literal('pause'), ...who, paused: z.boolean() }),
]);
export type PersonRequest = z.infer<typeof personRequestSchema>;
