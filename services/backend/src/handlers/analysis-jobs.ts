import { analysisQueue, queuePrefix } from '@liminal/shared/contracts/keys';
import { type Job, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import { type ANALYSE_ANOMALY, type AnalysisJob, analysisJobSchema } from '../analysis/analysis-queue.ts';
import type { AnalysisStore } from '../analysis/analysis-store.ts';
import type { Analyst } from '../analysis/analyst.ts';
import type { AnalysisMetrics } from '../analysis/metrics.ts';

export interface AnalysisJobsOptions {
  connection: Redis;
  analyst: Analyst;
  store: AnalysisStore;
  /** Analyses at once. */
  concurrency: number;
  metrics: AnalysisMetrics;
  logger: Logger;
}

/** Works the queue `analysis`: validate → ask → keep. A job that is cut short is taken up where it was. */
export class AnalysisJobs {
  readonly #options: AnalysisJobsOptions;
  readonly #stopping = new AbortController();
  #worker: Worker<AnalysisJob, void, typeof ANALYSE_ANOMALY> | undefined;

  constructor(options: AnalysisJobsOptions) {
    this.#options = options;
  }

  start(): void {
    const { connection, concurrency, logger } = this.#options;
    this.#worker = new Worker(analysisQueue, (job) => this.#run(job), { connection, prefix: queuePrefix, concurrency });
    this.#worker.on('error', (error) => logger.error({ err: error }, 'analysis queue failed; retrying'));
  }

  /**
   * Running jobs are given up; the queue gives them to the next worker, who does not ask again who has answered. Without
   * Redis (`isThere` false) they come back to the queue by their time-out.
   */
  async stop(isThere: boolean): Promise<void> {
    this.#stopping.abort(new Error('the backend is stopping; the job goes on with the next one'));
    await this.#worker?.close(!isThere);
  }

  async #run(job: Job<AnalysisJob, void, typeof ANALYSE_ANOMALY>): Promise<void> {
    const { analyst, store, metrics, logger } = this.#options;
    const log = logger.child({ job: job.id, name: job.name });
    const startedAt = performance.now();
    try {
      const { evidence, requestedBy, isFresh } = analysisJobSchema.parse(job.data);
      const analysis = await analyst.analyse(evidence, {
        requestedBy,
        isFresh,
        signal: this.#stopping.signal,
        onProgress: (progress) => {
          job.updateProgress(structuredClone(progress)).catch((error) => {
            log.warn({ err: error }, 'progress was not stored');
          });
        },
      });
      await store.keepAnalysis(analysis);
      const { answeredBy, consensus, costUsd } = analysis;
      const hasProvider = analysis.analysts.some(({ counts, model }) => counts && model !== null);
      metrics.analyses.labels(hasProvider ? consensus.agreement : 'none').inc();
      metrics.analysisDuration.observe((performance.now() - startedAt) / 1000);
      log.info(
        { answeredBy, agreement: consensus.agreement, category: consensus.category, costUsd },
        'anomaly analysed',
      );
    } catch (error) {
      metrics.analysisFailures.inc();
      log.error({ err: error }, 'analysis failed');
      if (error instanceof z.ZodError) throw new UnrecoverableError(`not an analysis job: ${z.prettifyError(error)}`);
      throw error;
    }
  }
}
