/**
 * Every label that a metric may carry, and what bounds its values. A label whose values come from traffic (a user, an
 * address, a token, an id, free text) would give Prometheus a series for each of them: it has no place here.
 */
export const METRIC_LABELS = {
  partition: 'number of a partition, 0 to `PARTITIONS` − 1',
  dependency: 'what a service needs to do its work, as in its GET /ready: a constant of the code',
  reader: 'service that reads a stream: `feature-extractor`, `predictor`, `kenning`',
  kind: 'kind of a job, a constant of the code',
  result: 'outcome, a constant of the code',
  reason: 'error code, or reason of a decision or training: a constant of the code',
  decision: 'rule that decided, a constant of the code',
  forecaster: 'what forecasts a load: `lstm`, `ewma`, `persistence`',
  served: 'what made the forecast that was served: `lstm`, `ewma`',
  feature: 'name of a feature, a constant of the code',
  test: 'test of drift, a constant of the code',
  step: 'phase or outcome of a rollout, a constant of the code',
  model: 'name of a model, `combined` or `series`: a constant of the code',
  severity: '`none`, `warning`, `critical`',
  verdict: '`true_positive`, `false_positive`, `expected`, `unclear`',
  entity: '`user`, `series`',
  series:
    'measure of the platform (`requests`), of a place for a group (`requests@route-3`, `requests@channel-0`; up to `WATCH_GROUPS` places of each kind) or of the other groups: no group by its name',
  service: 'name of the service',
  version: 'version of the suite',
  node: 'version of Node',
  release: 'id of the release that serves: one at a time, the old series ends',
  provider: 'name of an LLM provider in `LLM_PROVIDERS`, 8 at most',
  direction: '`input`, `output`',
  agreement: '`unanimous`, `majority`, `split`, `single`, `none`',
  window: '`hour`, `day`',
  method: 'HTTP method, one of those that Node parses',
  route: 'pattern of the route (`/predict/:user`), or `unknown`',
  status: 'HTTP status',
} as const;

/** Labels of the metrics that come with the Prometheus client. */
export const NODE_METRIC_LABELS = ['type', 'space', 'kind', 'version', 'major', 'minor', 'patch'] as const;
