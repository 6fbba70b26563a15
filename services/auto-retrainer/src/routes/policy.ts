import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import type { PolicyLoop } from '../handlers/policy-loop.ts';

const lookSchema = z.object({
  at: z.int(),
  situation: z.object({
    production: z.object({ release: z.string(), provisional: z.boolean() }).optional(),
    rows: z.int(),
    users: z.int(),
    isTraining: z.boolean(),
  }),
  decision: z.object({ action: z.enum(['train', 'wait']), reason: z.string(), because: z.string() }),
});

export function addPolicyRoutes(http: HttpServer, loop: PolicyLoop): void {
  http.get(
    '/policy',
    {
      schema: {
        tags: ['policy'],
        summary: 'What the last look at the rules found, and what was decided',
        response: { 200: z.object({ last: lookSchema.nullable() }) },
      },
    },
    () => ({ last: loop.last ?? null }),
  );
}
