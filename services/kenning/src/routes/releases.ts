import { getIfPresent, type ModelStore } from '@liminal/shared/adapters/model-store';
import { StoreUnreachableError } from '@liminal/shared/adapters/object-errors';
import { gateReportSchema } from '@liminal/shared/contracts/gate';
import {
  pointerSchema,
  releaseIdSchema,
  releaseKeys,
  type releaseManifestSchema,
} from '@liminal/shared/contracts/release';
import type { LiminalError } from '@liminal/shared/runtime/errors';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import { errors } from '../errors.ts';
import type { ReleaseRegistry } from '../registry/release-registry.ts';

const manifestSchema = z.custom<z.infer<typeof releaseManifestSchema>>().meta({ type: 'object' });

export function addReleaseRoutes(http: HttpServer, registry: ReleaseRegistry, store: ModelStore): void {
  addGateRoute(http, store);
  http.get(
    '/releases',
    {
      schema: {
        tags: ['releases'],
        summary: 'All releases, newest first, and which of them serves',
        response: {
          200: z.object({
            production: z.string().nullable(),
            since: z.string().nullable(),
            releases: z.array(manifestSchema),
          }),
        },
      },
    },
    async () => {
      const [pointer, releases] = await orStoreAway(() =>
        Promise.all([registry.pointer('production'), registry.listReleases()]),
      );
      return { production: pointer?.release ?? null, since: pointer?.since ?? null, releases };
    },
  );

  http.get(
    '/releases/history',
    {
      schema: {
        tags: ['releases'],
        summary: 'What served when, and why, oldest first',
        response: {
          200: z.object({
            history: z.array(pointerSchema.omit({ since: true }).extend({ at: z.string(), pointer: z.string() })),
          }),
        },
      },
    },
    async () => ({ history: await orStoreAway(() => registry.history()) }),
  );

  http.get(
    '/releases/:release',
    {
      schema: {
        tags: ['releases'],
        summary: 'The signed manifest of a release',
        params: z.object({ release: z.string().min(1) }),
        response: { 200: manifestSchema },
      },
    },
    async ({ params: { release } }) => {
      const releases = await orStoreAway(() => registry.listReleases());
      const found = releases.find(({ id }) => id === release);
      if (found === undefined) throw errors('LIMINAL_ERR_RELEASE_UNKNOWN', { release });
      return found;
    },
  );
}

function addGateRoute(http: HttpServer, store: ModelStore): void {
  http.get(
    '/releases/:release/gate',
    {
      schema: {
        tags: ['releases'],
        summary: 'How a release was judged against the one that served, before it could take its place',
        params: z.object({ release: releaseIdSchema }),
        response: { 200: gateReportSchema },
      },
    },
    async ({ params: { release } }) => {
      const bytes = await orStoreAway(() => getIfPresent(store, releaseKeys.gateReport(release)));
      if (bytes === null) throw errors('LIMINAL_ERR_RELEASE_NOT_JUDGED', { release });
      return gateReportSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    },
  );
}

/** Runs a read of the registry; a store that is away is an error that says so. */
export async function orStoreAway<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof StoreUnreachableError ? storeAway(error) : error;
  }
}

const storeAway = (error: Error): LiminalError =>
  errors('LIMINAL_ERR_STORE_AWAY', { reason: error.message, retryAfterSeconds: 2 }, { cause: error });
