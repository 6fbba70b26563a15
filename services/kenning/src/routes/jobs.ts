import type { TrainingQueue } from '@liminal/shared/adapters/training-queue';
import { jobProgressSchema, trainingJobResultSchema } from '@liminal/shared/contracts/jobs';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import { errors } from '../errors.ts';

const jobSchema = z.object({
  job: z.string(),
  name: z.string().describe('train-release, tune-models or optimize-release'),
  state: z.string().describe('waiting, active, completed, failed, delayed …'),
  progress: jobProgressSchema.nullable(),
  attempts: z.int(),
  result: trainingJobResultSchema.nullable(),
  error: z.string().nullable(),
});

const ENDED_STATES = ['completed', 'failed'];
const paramsSchema = z.object({ job: z.string().min(1) });

export function addJobRoutes(
  http: HttpServer,
  { queue, cancelRunning }: { queue: TrainingQueue; cancelRunning(jobId: string): boolean },
): void {
  async function jobOf(jobId: string) {
    const job = await queue.getJob(jobId);
    if (job === undefined) throw errors('LIMINAL_ERR_JOB_UNKNOWN', { job: jobId });
    return job;
  }

  http.get(
    '/jobs/:job',
    {
      schema: {
        tags: ['training'],
        summary: 'How a training, a tuning or an optimisation goes',
        params: paramsSchema,
        response: { 200: jobSchema },
      },
    },
    async ({ params }) => {
      const job = await jobOf(params.job);
      return {
        job: job.id!,
        name: job.name,
        state: await job.getState(),
        progress: jobProgressSchema.safeParse(job.progress).data ?? null,
        attempts: job.attemptsMade,
        result: job.returnvalue ?? null,
        error: job.failedReason ?? null,
      };
    },
  );

  http.delete(
    '/jobs/:job',
    {
      schema: {
        tags: ['training'],
        summary: 'Cancels a job: one that waits is gone, one that runs fails with the reason',
        params: paramsSchema,
        response: { 202: z.object({ job: z.string(), cancelled: z.enum(['waiting', 'running']) }) },
      },
    },
    async ({ params }, reply) => {
      const job = await jobOf(params.job);
      if (cancelRunning(params.job)) return reply.code(202).send({ job: params.job, cancelled: 'running' });
      const state = await job.getState();
      if (ENDED_STATES.includes(state)) throw errors('LIMINAL_ERR_JOB_ENDED', { job: params.job, state });
      if (state === 'active') throw errors('LIMINAL_ERR_JOB_ELSEWHERE', { job: params.job });
      await job.remove();
      return reply.code(202).send({ job: params.job, cancelled: 'waiting' });
    },
  );
}
