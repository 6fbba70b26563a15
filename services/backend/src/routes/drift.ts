import { driftSchema, type StoredDrift } from '@liminal/shared/contracts/drift-report';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { readDrift } from '../queries/drift.ts';

const answerSchema = z.object({
  drift: driftSchema.nullable().describe('null = there is no report'),
  missing: z.string().nullable().describe('Why there is none'),
  at: z.int().nullable().describe('When the auto-retrainer looked, ms since the epoch; null = it never has'),
  stale: z.boolean().describe('The auto-retrainer has not looked for long: history, not the present'),
});

export function addDriftRoutes(http: HttpServer, { redis, now }: { redis: Redis; now(): number }): void {
  http.get(
    '/ml/drift',
    {
      schema: {
        tags: ['models'],
        summary: 'How far the traffic has moved away from what the serving release was trained on',
        response: { 200: answerSchema },
      },
    },
    async () => answerOf(await readDrift(redis), now()),
  );
}

function answerOf(stored: StoredDrift | undefined, now: number): z.infer<typeof answerSchema> {
  if (stored === undefined) {
    return { drift: null, missing: 'no report yet: the auto-retrainer has not looked', at: null, stale: false };
  }
  const { at, freshForMs, drift } = stored;
  const missing = drift === null ? 'no release served when the auto-retrainer looked' : null;
  return { drift, missing, at, stale: now - at > freshForMs };
}
