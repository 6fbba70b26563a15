import type { ModelStore } from '@liminal/shared/adapters/model-store';
import { historyEntrySchema } from '@liminal/shared/contracts/release';
import { readHistory } from '@liminal/shared/release/read-history';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import type { RetrainerLoop } from '../handlers/retrainer-loop.ts';
import { rolloutSchema } from './rollout-schema.ts';
import { orStoreAway } from './store-away.ts';

export function addHistoryRoutes(http: HttpServer, { loop, store }: { loop: RetrainerLoop; store: ModelStore }): void {
  http.get(
    '/history',
    {
      schema: {
        tags: ['rollouts'],
        summary: 'What served when and why, and the rollouts behind it: each oldest first',
        response: { 200: z.object({ history: z.array(historyEntrySchema), rollouts: z.array(rolloutSchema) }) },
      },
    },
    async () => {
      const { ended, rollout } = loop.state;
      const rollouts = rollout === null ? ended : [...ended, rollout];
      return { history: await orStoreAway(() => readHistory(store)), rollouts };
    },
  );
}
