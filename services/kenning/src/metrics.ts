import { TRAINING_JOB_NAMES, trainingReasonSchema } from '@liminal/shared/contracts/jobs';
import { fromZero } from '@liminal/shared/runtime/first-values';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

/** `held` tells what this instance holds at the moment of a scrape. */
export function createMetrics(registry: Registry, held: { partitions(): number; archivedRows(): number }) {
  const registers = [registry];
  const metrics = {
    archivedRows: new Counter({
      name: 'liminal_kenning_archived_rows_total',
      help: 'Prediction records written to the archive of training rows',
      registers,
    }),
    archiveRows: new Gauge({
      name: 'liminal_kenning_archive_rows',
      help: 'Rows in the archive now',
      registers,
      collect() {
        this.set(held.archivedRows());
      },
    }),
    archiveDuration: new Histogram({
      name: 'liminal_kenning_archive_write_duration_seconds',
      help: 'Time to write one part and to commit its cursor',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    deadLetters: new Counter({
      name: 'liminal_kenning_dead_letters_total',
      help: 'Stream entries that could not be decoded and were put aside',
      registers,
    }),
    partitions: new Gauge({
      name: 'liminal_kenning_partitions',
      help: 'Partitions that this instance holds',
      registers,
      collect() {
        this.set(held.partitions());
      },
    }),
    trainings: new Counter({
      name: 'liminal_kenning_trainings_total',
      help: 'Trainings ended, by reason and result',
      labelNames: ['reason', 'result'] as const,
      registers,
    }),
    trainingDuration: new Histogram({
      name: 'liminal_kenning_training_duration_seconds',
      help: 'Time from the start of a training to its published release',
      buckets: [1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1_800],
      registers,
    }),
    trainingJobs: new Counter({
      name: 'liminal_kenning_training_jobs_total',
      help: 'Jobs of the queue training that ended (train-release, tune-models, optimize-release), by kind and result',
      labelNames: ['kind', 'result'] as const,
      registers,
    }),
    trainingJobDuration: new Histogram({
      name: 'liminal_kenning_training_job_duration_seconds',
      help: 'Time from the start of a job of the queue training to its result',
      labelNames: ['kind'] as const,
      buckets: [1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1_800],
      registers,
    }),
    scoredVectors: new Counter({
      name: 'liminal_kenning_scored_vectors_total',
      help: 'Vectors scored for POST /predict',
      registers,
    }),
  };
  for (const result of ['done', 'failed']) {
    fromZero(metrics.trainings, ...trainingReasonSchema.options.map((reason) => ({ reason, result })));
  }
  for (const result of ['done', 'failed', 'cancelled']) {
    fromZero(metrics.trainingJobs, ...TRAINING_JOB_NAMES.map((kind) => ({ kind, result })));
  }
  return metrics;
}
