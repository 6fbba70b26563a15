import {
  GATE_RELEASE,
  type GateReleaseJob,
  gateReleaseJobSchema,
  OPTIMIZE_RELEASE,
  type OptimizeReleaseJob,
  optimizeReleaseJobSchema,
  TRAIN_RELEASE,
  type TrainingJob,
  type TrainingJobName,
  type TrainingJobResult,
  type TrainReleaseJob,
  TUNE_MODELS,
  type TuneModelsJob,
  trainReleaseJobSchema,
  tuneModelsJobSchema,
} from '@liminal/shared/contracts/jobs';
import { queuePrefix, trainingQueue } from '@liminal/shared/contracts/keys';
import { hasBothKinds, type RowLabel } from '@liminal/shared/contracts/tuning';
import { type Job, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { gateInProcess } from '../gate/gate-in-process.ts';
import type { JudgedVectors } from '../gate/judged-vectors.ts';
import type { Metrics } from '../metrics.ts';
import { optimizeRelease } from '../optimisation/optimize-release.ts';
import type { ReportStore } from '../optimisation/report-store.ts';
import { withDefaults } from '../pipelines/model-options.ts';
import type { ProcessContext } from '../pipelines/run-in-process.ts';
import { TrainingDataError } from '../pipelines/training-errors.ts';
import type { ReleaseRegistry } from '../registry/release-registry.ts';
import { trainRelease } from '../training/train-release.ts';
import { tuneInProcess } from '../tuning/tune-in-process.ts';

export interface TrainingJobsOptions {
  connection: Redis;
  config: Config;
  registry: ReleaseRegistry;
  reports: ReportStore;
  /** Writes what is waiting to the archive, so that a training sees all that was predicted before it. */
  flushArchive(): Promise<void>;
  /** What analysts have said of alarms. */
  judgedVectors(): Promise<JudgedVectors>;
  /** The same as labels of archived rows. */
  judgedRows(): Promise<RowLabel[]>;
  metrics: Metrics;
  logger: Logger;
}

/** Somebody asked for the end of a running job. */
class JobCancelledError extends Error {
  override readonly name = 'JobCancelledError';
}

/** Works the queue `training`, one job at a time: validate → train, tune or optimise → publish. */
export class TrainingJobs {
  readonly #options: TrainingJobsOptions;
  readonly #stopping = new AbortController();
  readonly #running = new Map<string, AbortController>();
  #worker: Worker<TrainingJob, TrainingJobResult, TrainingJobName> | undefined;

  constructor(options: TrainingJobsOptions) {
    this.#options = options;
  }

  start(): void {
    const { connection, logger } = this.#options;
    this.#worker = new Worker(trainingQueue, (job) => this.#run(job), { connection, prefix: queuePrefix });
    this.#worker.on('error', (error) => logger.error({ err: error }, 'training queue failed; retrying'));
  }

  /** Ends a job that runs here, for good; false where it does not. */
  cancel(jobId: string): boolean {
    const running = this.#running.get(jobId);
    running?.abort(new JobCancelledError('cancelled on request'));
    return running !== undefined;
  }

  /** A running job is cancelled; the queue gives it to the next worker. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('kenning is stopping; the job starts again with the next kenning'));
    await this.#worker?.close();
  }

  async #run(job: Job<TrainingJob, TrainingJobResult, TrainingJobName>): Promise<TrainingJobResult> {
    const { metrics, logger, flushArchive } = this.#options;
    const log = logger.child({ job: job.id, name: job.name });
    const cancellation = new AbortController();
    this.#running.set(job.id!, cancellation);
    const context: ProcessContext = {
      signal: AbortSignal.any([this.#stopping.signal, cancellation.signal]),
      onProgress: (progress) => {
        job.updateProgress({ ...progress }).catch((error) => log.warn({ err: error }, 'progress was not stored'));
      },
      warn: (fields, message) => log.warn(fields, message),
    };
    const startedAt = performance.now();
    log.info('training job starts');
    try {
      await flushArchive();
      const result = await this.#work(job, context);
      metrics.trainingJobs.labels(job.name, 'done').inc();
      metrics.trainingJobDuration.labels(job.name).observe((performance.now() - startedAt) / 1000);
      log.info('training job done');
      return result;
    } catch (error) {
      const isCancelled = error instanceof JobCancelledError;
      metrics.trainingJobs.labels(job.name, isCancelled ? 'cancelled' : 'failed').inc();
      if (isCancelled) log.info('training job cancelled');
      else log.error({ err: error }, 'training job failed');
      // The same job on the same rows would fail again.
      if (isCancelled || error instanceof TrainingDataError) throw new UnrecoverableError(error.message);
      if (error instanceof z.ZodError) throw new UnrecoverableError(`not a training job: ${z.prettifyError(error)}`);
      throw error;
    } finally {
      this.#running.delete(job.id!);
    }
  }

  #work({ name, data }: Job<TrainingJob, TrainingJobResult, TrainingJobName>, context: ProcessContext) {
    switch (name) {
      case TRAIN_RELEASE:
        return this.#train(trainReleaseJobSchema.parse(data), context);
      case TUNE_MODELS:
        return this.#tune(tuneModelsJobSchema.parse(data), context);
      case OPTIMIZE_RELEASE:
        return this.#optimize(optimizeReleaseJobSchema.parse(data), context);
      case GATE_RELEASE:
        return this.#gate(gateReleaseJobSchema.parse(data), context);
      default:
        throw new UnrecoverableError(`there is no training job ${name satisfies never}`);
    }
  }

  async #train(
    { reason, requestedBy, promote, maxRows, sinceTs, untilTs, holdOutShare, seed, options }: TrainReleaseJob,
    context: ProcessContext,
  ): Promise<TrainingJobResult> {
    const { config, registry, metrics } = this.#options;
    const startedAt = performance.now();
    try {
      const result = await trainRelease(
        {
          rows: {
            source: 'archive',
            modelStore: config.modelStore,
            maxRows: maxRows ?? config.trainingMaxRows,
            sinceTs,
            untilTs,
            holdOutShare,
          },
          provisional: false,
          promote,
          seed,
          reason,
          by: requestedBy,
          models: options && withDefaults(options),
        },
        { registry, ...context },
      );
      metrics.trainings.labels(reason, 'done').inc();
      metrics.trainingDuration.observe((performance.now() - startedAt) / 1000);
      return result;
    } catch (error) {
      metrics.trainings.labels(reason, 'failed').inc();
      throw error;
    }
  }

  async #tune(job: TuneModelsJob, context: ProcessContext): Promise<TrainingJobResult> {
    const { modelStore, trainingMaxRows } = this.#options.config;
    const judged = job.verdicts ? await this.#options.judgedRows() : [];
    // What the caller says of a row counts: it comes last.
    const labels = [...judged, ...job.labels];
    if (job.verdicts && !hasBothKinds({ labels, labelledRows: job.labelledRows })) {
      throw new TrainingDataError(
        `analysts have judged alarms of ${judged.length} users, but not both right and false ones: judge some of each, or ` +
          'tune without verdicts',
      );
    }
    return tuneInProcess({ ...job, labels }, { modelStore, maxRows: job.maxRows ?? trainingMaxRows }, context);
  }

  #optimize(job: OptimizeReleaseJob, context: ProcessContext): Promise<TrainingJobResult> {
    const { config, registry, reports } = this.#options;
    return optimizeRelease(job, { modelStore: config.modelStore, registry, reports }, context);
  }

  async #gate(job: GateReleaseJob, context: ProcessContext): Promise<TrainingJobResult> {
    const { modelStore, publicKeyFile } = this.#options.config;
    return gateInProcess(job, { modelStore, publicKeyFile, judged: await this.#options.judgedVectors() }, context);
  }
}
