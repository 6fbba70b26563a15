import { driftSchema } from '@liminal/shared/contracts/drift-report';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import type { RetrainerLoop } from '../handlers/retrainer-loop.ts';

export function addDriftRoutes(http: HttpServer, loop: RetrainerLoop): void {
  http.get(
    '/drift',
    {
      schema: {
        tags: ['drift'],
        summary: 'How far the traffic has moved away from what the serving release was trained on',
        response: { 200: z.object({ drift: driftSchema.nullable() }) },
      },
    },
    () => ({ drift: loop.drift }),
  );
}
