import { requestTraining, type TrainingQueue } from '@liminal/shared/adapters/training-queue';
import {
  OPTIMIZE_RELEASE,
  optimizeReleaseJobSchema,
  TUNE_MODELS,
  trainReleaseJobSchema,
  tuneModelsJobSchema,
} from '@liminal/shared/contracts/jobs';
import { modelNameSchema } from '@liminal/shared/contracts/prediction';
import { releaseIdSchema } from '@liminal/shared/contracts/release';
import { BOTH_KINDS_MESSAGE, hasBothKindsOrNone, labelSourceShape } from '@liminal/shared/contracts/tuning';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import { errors } from '../errors.ts';
import { takesFeatures } from '../optimisation/takes-features.ts';
import { modelOptionsSchema } from '../pipelines/model-options.ts';
import type { ReleaseRegistry } from '../registry/release-registry.ts';
import { TUNABLE_NAMES } from '../tuning/model-spaces.ts';
import { DEFAULT_TUNING } from '../tuning/tune-models.ts';
import { orStoreAway } from './releases.ts';

const requestedBy = z.string().min(1).max(200).default('api');
const seed = z
  .int()
  .min(0)
  .max(0xffff_ffff)
  .optional()
  .describe('The same rows and seed give the same result; from the rows unless given');
/** An empty body asks for the defaults. */
const orEmpty = (body: unknown): unknown => body ?? {};

const trainBodySchema = z.preprocess(
  orEmpty,
  z.strictObject({
    promote: z.boolean().default(true).describe('Whether the release is to serve at once'),
    maxRows: z.int().positive().optional().describe('Newest rows to train from'),
    seed,
    options: modelOptionsSchema.optional(),
    requestedBy,
  }),
);

const tuneBodySchema = z.preprocess(
  orEmpty,
  z
    .strictObject({
      models: z.array(z.enum(TUNABLE_NAMES)).min(1).default(TUNABLE_NAMES),
      configurations: z
        .int()
        .min(2)
        .max(200)
        .default(DEFAULT_TUNING.configurations)
        .describe('Configurations a model, the default one among them'),
      maxRows: z.int().positive().optional().describe('Newest rows to tune on'),
      seed,
      requestedBy,
      ...labelSourceShape,
      verdicts: z
        .boolean()
        .default(false)
        .describe(
          'Also takes what analysts said of alarms as labels: the alarm that was judged last of each user and kind',
        ),
    })
    .refine((body) => body.verdicts || hasBothKindsOrNone(body), BOTH_KINDS_MESSAGE),
);

const MOST_ROWS_COMPARED = 20_000;

const optimizeBodySchema = z.preprocess(
  orEmpty,
  z
    .strictObject({
      release: releaseIdSchema.optional().describe('The serving one unless given'),
      models: z.array(modelNameSchema).min(1).optional().describe('All of the release unless given'),
      maxRows: z
        .int()
        .positive()
        .max(MOST_ROWS_COMPARED)
        .default(5_000)
        .describe('Newest archived rows to compare scores on'),
      requestedBy,
      ...labelSourceShape,
    })
    .refine(hasBothKindsOrNone, BOTH_KINDS_MESSAGE),
);

const acceptedSchema = z.object({ job: z.string(), status: z.string().describe('Where to ask how it goes') });
const accepted = (job: string): z.infer<typeof acceptedSchema> => ({ job, status: `/jobs/${job}` });

export function addPipelineRoutes(
  http: HttpServer,
  { queue, registry }: { queue: TrainingQueue; registry: ReleaseRegistry },
): void {
  http.post(
    '/pipelines/train',
    {
      schema: {
        tags: ['training'],
        summary: 'Trains a release from the archived rows',
        body: trainBodySchema,
        response: { 202: acceptedSchema },
      },
    },
    async ({ body }, reply) =>
      reply
        .code(202)
        .send(accepted(await requestTraining(queue, trainReleaseJobSchema.parse({ reason: 'manual', ...body })))),
  );

  http.post(
    '/pipelines/tune',
    {
      schema: {
        tags: ['training'],
        summary: 'Searches the options of models on the archived rows; by labels where there are any',
        body: tuneBodySchema,
        response: { 202: acceptedSchema },
      },
    },
    async ({ body }, reply) => {
      const job = await queue.add(TUNE_MODELS, tuneModelsJobSchema.parse(body));
      return reply.code(202).send(accepted(job.id!));
    },
  );

  http.post(
    '/pipelines/optimize',
    {
      schema: {
        tags: ['training'],
        summary: 'Makes optimised and quantised variants of the models of a release, and a report that compares them',
        body: optimizeBodySchema,
        response: { 202: acceptedSchema },
      },
    },
    async ({ body }, reply) => {
      const release = body.release ?? (await orStoreAway(() => registry.pointer('production')))?.release;
      if (release === undefined) throw errors('LIMINAL_ERR_RELEASE_NONE', { retryAfterSeconds: 5 });
      const releases = await orStoreAway(() => registry.listReleases());
      const manifest = releases.find(({ id }) => id === release);
      if (manifest === undefined) throw errors('LIMINAL_ERR_RELEASE_UNKNOWN', { release });
      const unknown = body.models?.find((name) => !manifest.models.some((model) => model.name === name));
      if (unknown !== undefined) throw errors('LIMINAL_ERR_RELEASE_WITHOUT_MODEL', { release, model: unknown });
      const other = body.models?.find((name) => !takesFeatures(manifest.models.find((model) => model.name === name)!));
      if (other !== undefined) throw errors('LIMINAL_ERR_MODEL_WITHOUT_VARIANTS', { model: other });
      const job = await queue.add(OPTIMIZE_RELEASE, optimizeReleaseJobSchema.parse({ ...body, release }));
      return reply.code(202).send(accepted(job.id!));
    },
  );
}
