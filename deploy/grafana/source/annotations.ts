import { AnnotationQueryBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { PROMETHEUS } from './panels.ts';

const STEP = '60s';

/**
 * What happened meanwhile, on every graph. Promotions and rollbacks are counted by the auto-retrainer, which leads them;
 * a pointer that someone else moved shows in the time since when the serving release is in production.
 */
export const ANNOTATIONS = [
  annotation('Releases', 'blue', {
    expr: 'max by (job) (liminal_retrainer_production_since_timestamp_seconds) * 1000',
    title: 'Another release serves',
    text: 'Promotion or rollback: the story is in GET /history of the auto-retrainer',
    isTime: true,
  }),
  annotation('Rollbacks', 'orange', {
    expr: `sum(increase(liminal_retrainer_rollout_steps_total{step="rolled-back"}[${STEP}]))`,
    title: 'Rolled back',
    text: 'The release before serves again: the reason is in GET /history of the auto-retrainer',
  }),
  annotation('Alerts', 'red', {
    expr: 'max by (alertname, severity) (ALERTS{alertstate="firing"})',
    title: '{{alertname}}',
    text: '{{severity}}',
    tags: 'severity',
  }),
];

interface Event {
  /** A range query; each stretch above 0 is one event. */
  expr: string;
  title: string;
  text: string;
  tags?: string;
  /** The values are when it happened, in ms. */
  isTime?: boolean;
}

function annotation(name: string, color: string, { expr, title, text, tags = '', isTime = false }: Event) {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(PROMETHEUS)
    .enable(true)
    .hide(false)
    .iconColor(color)
    .expr(expr)
    .step(STEP)
    .titleFormat(title)
    .textFormat(text)
    .tagKeys(tags)
    .useValueForTime(isTime);
}
