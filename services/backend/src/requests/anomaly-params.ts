import { z } from 'zod';

/** Path of everything about one anomaly. */
export const anomalyParamsSchema = z.object({
  id: z.string().regex(/^[\w-]{20}$/, 'must be the id of an anomaly: 20 characters'),
});
