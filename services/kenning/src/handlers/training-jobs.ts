import { type TrainReleaseJob, type TrainReleaseResult, trainReleaseJobSchema } from '@liminal/shared/contracts/jobs';
import { queuePrefix, trainingQueue } from '@liminal/shared/contracts/keys';
import { type Job, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Metrics } from '../metrics.ts';
import { TrainingDataError } from '../pipelines/training-errors.ts';
import type { ReleaseRegistry } from '../registry/release-registry.ts';
import { trainRelease } from '../training/train-release.ts';

export interface TrainingJobsOptions {
  connection: Redis;
  config: Config;
  registry: ReleaseRegistry;
  /** Writes what is waiting to the archive, so that a training sees all that was predicted before it. */
  flushArchive(): Promise<void>;
  metrics: Metrics;
  logger: Logger;
}

/** Works the queue `training`, one job at a time: validate → train → publish. */
export class TrainingJobs {
  readonly #options: TrainingJobsOptions;
  readonly #stopping = new AbortController();
  #worker: Worker<TrainReleaseJob, TrainReleaseResult> | undefined;

  constructor(options: TrainingJobsOptions) {
    this.#options = options;
  }

  start(): void {
    const { connection, logger } = this.#options;
    this.#worker = new Worker(trainingQueue, (job) => this.#run(job), { connection, prefix: queuePrefix });
    this.#worker.on('error', (error) => logger.error({ err: error }, 'training queue failed; retrying'));
  }

  /** A running training is cancelled; the queue gives it to the next worker. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('kenning is stopping; the training starts again with the next kenning'));
    await this.#worker?.close();
  }

  async #run(job: Job<TrainReleaseJob, TrainReleaseResult>): Promise<TrainReleaseResult> {
    const { config, registry, metrics, logger, flushArchive } = this.#options;
    const parsed = trainReleaseJobSchema.safeParse(job.data);
    if (!parsed.success) throw new UnrecoverableError(`not a training job: ${parsed.error.issues[0]?.message}`);
    const { reason, requestedBy, promote, maxRows, seed } = parsed.data;
    const log = logger.child({ job: job.id, reason });
    const startedAt = performance.now();
    log.info('training starts');
    try {
      await flushArchive();
      const result = await trainRelease(
        {
          rows: { source: 'archive', modelStore: config.modelStore, maxRows: maxRows ?? config.trainingMaxRows },
          provisional: false,
          promote,
          seed,
          reason,
          by: requestedBy,
        },
        {
          registry,
          signal: this.#stopping.signal,
          onProgress: (progress) => {
            job.updateProgress({ ...progress }).catch((error) => log.warn({ err: error }, 'progress was not stored'));
          },
          warn: (fields, message) => log.warn(fields, message),
        },
      );
      metrics.trainings.labels(reason, 'done').inc();
      metrics.trainingDuration.observe((performance.now() - startedAt) / 1000);
      log.info({ ...result }, 'training done');
      return result;
    } catch (error) {
      metrics.trainings.labels(reason, 'failed').inc();
      log.error({ err: error }, 'training failed');
      // More of the same rows won't help: the same job would fail again.
      if (error instanceof TrainingDataError) throw new UnrecoverableError(error.message);
      throw error;
    }
  }
}
