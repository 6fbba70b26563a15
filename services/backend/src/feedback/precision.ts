import { MODEL_NAMES, type Severity } from '@liminal/shared/contracts/prediction';
import { isConfirmed } from '@liminal/shared/contracts/verdict';
import type { JudgedAlarm } from './judged-alarms.ts';

/** Whose alarms: of the combination, of a model whose own p-value alarmed too, or of the series of the platform. */
export const PRECISION_MODELS = ['combined', ...MODEL_NAMES, 'series'] as const;

export interface Precision {
  model: (typeof PRECISION_MODELS)[number];
  severity: Exclude<Severity, 'none'>;
  confirmed: number;
  judged: number;
}

/** Of the alarms that somebody has judged: how many were right, by model and severity; only where some were judged. */
export function precisionOf(judged: readonly JudgedAlarm[], alertRate: number): Precision[] {
  const counts = new Map<string, Precision>();
  for (const alarm of judged) {
    const isRight = isConfirmed(alarm);
    const { severity } = alarm;
    if (isRight === undefined || severity === 'none') continue;
    for (const model of modelsOf(alarm, alertRate)) {
      const key = `${model} ${severity}`;
      const count = counts.get(key) ?? { model, severity, confirmed: 0, judged: 0 };
      count.judged++;
      if (isRight) count.confirmed++;
      counts.set(key, count);
    }
  }
  return [...counts.values()].sort(
    (left, right) =>
      PRECISION_MODELS.indexOf(left.model) - PRECISION_MODELS.indexOf(right.model) ||
      left.severity.localeCompare(right.severity),
  );
}

function modelsOf({ vector }: JudgedAlarm, alertRate: number): Precision['model'][] {
  if (vector === undefined) return ['series'];
  return ['combined', ...MODEL_NAMES.filter((model) => (vector.modelPValues[model] ?? 1) <= alertRate)];
}
