import { AUDIT_ACTIONS, AUDITED, auditEntrySchema } from '@liminal/shared/contracts/audit-entry';
import { momentSchema } from '@liminal/shared/contracts/verdict';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import { findAudit } from '../queries/audit.ts';
import { cursorSchema, nextSchema } from './keyset.ts';

/** In a query everything is text. */
const moment = z.preprocess((text) => (/^\d+$/.test(String(text)) ? Number(text) : text), momentSchema).optional();

const querySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  author: z.string().min(1).optional(),
  entity: z.enum(AUDITED).optional(),
  action: z.enum(AUDIT_ACTIONS).optional(),
  subject: z.string().min(1).optional().describe('Id of an anomaly or of a rule, `global`, or `user:<name>`'),
  user: z.string().min(1).optional().describe('Only what is about this user'),
  automatic: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .optional()
    .describe('Only what followed by itself, or only what people did'),
  from: moment.describe('From this time on'),
  to: moment.describe('Before this time'),
  before: cursorSchema,
});

export function addAuditRoutes(http: HttpServer, { redis, logger }: { redis: Redis; logger: Logger }): void {
  http.get(
    '/ml/audit',
    {
      schema: {
        tags: ['feedback'],
        summary: 'What analysts have changed, and what followed from it, newest first, with before and after',
        querystring: querySchema,
        response: {
          200: z.object({ entries: z.array(auditEntrySchema.extend({ id: z.string() })), next: nextSchema }),
        },
      },
    },
    async ({ query }) => {
      const { items, next } = await findAudit(redis, query, logger);
      return { entries: items, next };
    },
  );
}
