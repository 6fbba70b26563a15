import type { ModelStore } from '@liminal/shared/adapters/model-store';
import { releaseIdSchema } from '@liminal/shared/contracts/release';
import { readPointer } from '@liminal/shared/release/load-release';
import { readHistory } from '@liminal/shared/release/read-history';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import { errors } from '../errors.ts';
import { servedBefore } from '../rollout/served-before.ts';
import type { StateStore } from '../state/state-store.ts';
import { orStoreAway } from './store-away.ts';

const by = z.string().min(1).max(200).default('api').describe('Who asks');
const because = z.string().min(1).max(500).default('asked for').describe('Why: it goes into the history');
/** An empty body asks for the defaults. */
const orEmpty = (body: unknown): unknown => body ?? {};

const retrainBodySchema = z.preprocess(
  orEmpty,
  z
    .strictObject({
      by,
      because,
      sinceTs: z.int().optional().describe('Only rows from then on, ms of event time'),
      untilTs: z.int().optional().describe('Only rows until then'),
      skipGate: z
        .boolean()
        .default(false)
        .describe(
          'Promotes without gate and shadow; it is watched all the same, and goes back when the gate finds it blind meanwhile',
        ),
    })
    .refine(({ sinceTs }) => sinceTs === undefined || sinceTs <= Date.now(), {
      message: 'must not lie in the future: there are no rows then. It is in milliseconds',
      path: ['sinceTs'],
    })
    .refine(({ sinceTs, untilTs }) => sinceTs === undefined || untilTs === undefined || sinceTs <= untilTs, {
      message: 'must not lie before sinceTs',
      path: ['untilTs'],
    }),
);
const rollbackBodySchema = z.preprocess(
  orEmpty,
  z.strictObject({ by, because, to: releaseIdSchema.optional().describe('What served before the one that serves') }),
);
const pauseBodySchema = z.preprocess(
  orEmpty,
  z.strictObject({ by, because, paused: z.boolean().default(true).describe('false goes on') }),
);

const takenSchema = z.object({ status: z.string().describe('Where to see what comes of it') });
const TAKEN = { status: '/policy' };

/** What people may ask for. The replica that leads takes it up at its next look. */
export function addRequestRoutes(http: HttpServer, { state, store }: { state: StateStore; store: ModelStore }): void {
  http.post(
    '/retrain',
    {
      schema: {
        tags: ['rollouts'],
        summary: 'Trains a release and lets it take the way of all others: gate, shadow, promotion, watch',
        body: retrainBodySchema,
        response: { 202: takenSchema },
      },
    },
    async ({ body: { skipGate, ...rest } }, reply) => {
      await state.ask({ kind: 'retrain', ...rest, skipsGate: skipGate });
      return reply.code(202).send(TAKEN);
    },
  );

  http.post(
    '/rollback',
    {
      schema: {
        tags: ['rollouts'],
        summary: 'Goes back to the release that served before, or to one that is named',
        body: rollbackBodySchema,
        response: { 202: takenSchema },
      },
    },
    async ({ body }, reply) => {
      await orStoreAway(() => assertCanGoBack(store, body.to));
      await state.ask({ kind: 'rollback', ...body });
      return reply.code(202).send(TAKEN);
    },
  );

  http.post(
    '/pause',
    {
      schema: {
        tags: ['rollouts'],
        summary: 'Begins no rollout by itself until it is told to go on; one that is under way goes on',
        body: pauseBodySchema,
        response: { 202: takenSchema },
      },
    },
    async ({ body }, reply) => {
      await state.ask({ kind: 'pause', ...body });
      return reply.code(202).send(TAKEN);
    },
  );
}

async function assertCanGoBack(store: ModelStore, to: string | undefined): Promise<void> {
  const pointer = await readPointer(store, 'production');
  const nowhere = (reason: string) => errors('LIMINAL_ERR_ROLLBACK_NOWHERE', { reason });
  if (pointer === null) throw nowhere('no release serves');
  if (to === undefined) {
    if (pointer.previous === null) throw nowhere(`nothing served before ${pointer.release}`);
    if (servedBefore(pointer) === null) {
      throw nowhere(`${pointer.release} is what was gone back to; ${pointer.previous} was taken back`);
    }
    return;
  }
  if (to === pointer.release) throw nowhere(`${to} serves already`);
  const served = (await readHistory(store)).some((entry) => entry.pointer === 'production' && entry.release === to);
  if (!served) throw nowhere(`${to} never served`);
}
