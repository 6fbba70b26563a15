import { Counter, Gauge, type Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(registry: Registry) {
  const registers = [registry];
  return {
    decisions: new Counter({
      name: 'liminal_retrainer_decisions_total',
      help: 'Looks at the rules, by what was decided',
      labelNames: ['decision'] as const,
      registers,
    }),
    requests: new Counter({
      name: 'liminal_retrainer_training_requests_total',
      help: 'Trainings asked for, by reason',
      labelNames: ['reason'] as const,
      registers,
    }),
    trainingRows: new Gauge({
      name: 'liminal_retrainer_training_rows',
      help: 'Rows archived for training',
      registers,
    }),
    trainingUsers: new Gauge({
      name: 'liminal_retrainer_training_users',
      help: 'Users that the archived rows come from, counted up to 1000',
      registers,
    }),
  };
}
