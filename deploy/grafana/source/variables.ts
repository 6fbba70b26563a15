import { QueryVariableBuilder, VariableRefresh, VariableSort } from '@grafana/grafana-foundation-sdk/dashboard';
import { PROMETHEUS } from './panels.ts';

/** All of them unless some are chosen; `label=~"$name"` in a query. */
function choice(name: string, label: string, description: string, query: string): QueryVariableBuilder {
  return (
    new QueryVariableBuilder(name)
      .label(label)
      .description(description)
      .datasource(PROMETHEUS)
      .query({ query, refId: name })
      .definition(query)
      .refresh(VariableRefresh.OnTimeRangeChanged)
      .sort(VariableSort.AlphabeticalAsc)
      .multi(true)
      .includeAll(true)
      // Not a list of all that were there when the page was opened: one that comes later is in it too.
      .allValue('.+')
      .current({ selected: true, text: 'All', value: '$__all' })
  );
}

export const SERVICE = choice(
  'service',
  'Service',
  'One of the five services, by its job in Prometheus',
  'label_values(liminal_http_request_duration_seconds_count, job)',
);

export const MODEL = choice(
  'model',
  'Model',
  'A model of the release that serves',
  'label_values(liminal_predictor_model_vectors_total, model)',
);

export const SERIES = choice(
  'series',
  'Series',
  'A measure of the platform, altogether or of a group of routes or channels',
  'label_values(liminal_predictor_series_value, series)',
);

export const FEATURE = choice(
  'feature',
  'Feature',
  'A feature of the vectors',
  'label_values(liminal_retrainer_drift_distance_ratio, feature)',
);

export const ROUTE = choice(
  'route',
  'Route',
  'Pattern of a route of the chosen services, without scrapes and health checks',
  'label_values(liminal_http_request_duration_seconds_count{job=~"$service", route!~"/metrics|/health|/ready"}, route)',
);
