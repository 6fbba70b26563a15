import { ObjectNotFoundError } from '@liminal/shared/adapters/object-errors';
import { modelNameSchema } from '@liminal/shared/contracts/prediction';
import { modelVersionSchema } from '@liminal/shared/contracts/release';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import { errors } from '../errors.ts';
import type { ReleaseRegistry } from '../registry/release-registry.ts';
import { orStoreAway } from './releases.ts';

const modelSchema = z.object({
  name: modelNameSchema,
  version: modelVersionSchema,
  sha256: z.string(),
  sizeBytes: z.int(),
  metrics: z.record(z.string(), z.number()),
  releases: z.array(z.string()).describe('Releases that hold it, newest first'),
  download: z.string(),
});

export function addModelRoutes(http: HttpServer, registry: ReleaseRegistry): void {
  http.get(
    '/models',
    {
      schema: {
        tags: ['models'],
        summary: 'Every version of every model, newest first',
        response: { 200: z.object({ models: z.array(modelSchema) }) },
      },
    },
    async () => {
      const models = await orStoreAway(() => registry.listModels());
      return {
        models: models.map(({ model: { name, version, sha256, sizeBytes, metrics }, releases }) => {
          const download = `/models/${name}/${version}/model.onnx`;
          return { name, version, sha256, sizeBytes, metrics, releases, download };
        }),
      };
    },
  );

  http.get(
    '/models/:model/:version/model.onnx',
    {
      schema: {
        tags: ['models'],
        summary: 'The ONNX file of a model, for any ONNX Runtime',
        params: z.object({ model: modelNameSchema, version: modelVersionSchema }),
      },
    },
    async ({ params: { model, version } }, reply) => {
      try {
        const file = await orStoreAway(() => registry.getModelFile(model, version));
        return reply
          .type('application/octet-stream')
          .header('content-disposition', `attachment; filename="${model}-${version}.onnx"`)
          .header('cache-control', 'public, max-age=31536000, immutable')
          .send(file);
      } catch (error) {
        if (!(error instanceof ObjectNotFoundError)) throw error;
        throw errors('LIMINAL_ERR_MODEL_UNKNOWN', { model, version }, { cause: error });
      }
    },
  );
}
