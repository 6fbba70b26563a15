import { requestTraining, type TrainingQueue } from '@liminal/shared/adapters/training-queue';
import { jobProgressSchema, trainReleaseResultSchema } from '@liminal/shared/contracts/jobs';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import { errors } from '../errors.ts';

const trainBodySchema = z
  .strictObject({
    promote: z.boolean().default(true).describe('Whether the release is to serve at once'),
    maxRows: z.int().positive().optional().describe('Newest rows to train from'),
    seed: z.int().min(0).max(0xffff_ffff).optional().describe('The same rows and seed give the same files'),
    requestedBy: z.string().min(1).max(200).default('api'),
  })
  .nullish()
  .transform((body) => body ?? { promote: true, requestedBy: 'api' });

const jobSchema = z.object({
  job: z.string(),
  state: z.string().describe('waiting, active, completed, failed, delayed …'),
  progress: jobProgressSchema.nullable(),
  attempts: z.int(),
  result: trainReleaseResultSchema.nullable(),
  error: z.string().nullable(),
});

export function addPipelineRoutes(http: HttpServer, queue: TrainingQueue): void {
  http.post(
    '/pipelines/train',
    {
      schema: {
        tags: ['training'],
        summary: 'Trains a release from the archived rows',
        body: trainBodySchema,
        response: { 202: z.object({ job: z.string(), status: z.string().describe('Where to ask how it goes') }) },
      },
    },
    async ({ body }, reply) => {
      const job = await requestTraining(queue, {
        reason: 'manual',
        requestedBy: body.requestedBy,
        promote: body.promote,
        ...('maxRows' in body && body.maxRows !== undefined && { maxRows: body.maxRows }),
        ...('seed' in body && body.seed !== undefined && { seed: body.seed }),
      });
      return reply.code(202).send({ job, status: `/jobs/${job}` });
    },
  );

  http.get(
    '/jobs/:job',
    {
      schema: {
        tags: ['training'],
        summary: 'How a training goes',
        params: z.object({ job: z.string().min(1) }),
        response: { 200: jobSchema },
      },
    },
    async ({ params }) => {
      const job = await queue.getJob(params.job);
      if (job === undefined) throw errors('LIMINAL_ERR_JOB_UNKNOWN', { job: params.job });
      return {
        job: job.id!,
        state: await job.getState(),
        progress: jobProgressSchema.safeParse(job.progress).data ?? null,
        attempts: job.attemptsMade,
        result: job.returnvalue ?? null,
        error: job.failedReason ?? null,
      };
    },
  );
}
