import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import type { AlarmPolicyWatcher } from '../alarms/alarm-policy-watcher.ts';

const stateSchema = z.object({
  revision: z.int().describe('Of the policy in force; 0 = nothing was decided yet'),
  rules: z.int().describe('Suppression rules in it'),
  lookedAt: z.int().nullable().describe('When it was last compared with what the backend wrote, ms since the epoch'),
  problem: z.string().nullable().describe('Why a newer policy is not in force; null = there is none'),
});

export function addAlarmPolicyRoutes(http: HttpServer, policy: AlarmPolicyWatcher): void {
  http.get(
    '/alarm-policy',
    {
      schema: {
        tags: ['alarms'],
        summary: 'What this predictor applies of what analysts have decided about alarms',
        response: { 200: stateSchema },
      },
    },
    () => policy.state,
  );
}
