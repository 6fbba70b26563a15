import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALERTS, RECORDS } from '../../docs/reference/alert-rules.ts';
import { DASHBOARD_FILES, queriesOf, readDashboard, sourceOf } from '../../docs/reference/dashboard-files.ts';
import { HTTP_METRICS, NODE_METRICS, SERVICE_METRICS, seriesOf } from '../../docs/reference/declared-metrics.ts';
import { queryNames } from '../../docs/reference/query-names.ts';
import { alertmanagerProgram } from '../alerts/local-alertmanager.ts';
import { findProgram, skipsWithout } from '../alerts/promtool.ts';
import type { Prometheus } from './monitoring/prometheus.ts';
import { QUIET_METRICS, QUIET_QUERIES, QUIET_SELECTORS, RIGHTLY_FIRING } from './monitoring/quiet.ts';
import { MonitoredSuite, SERVICES } from './monitoring/suite.ts';
import { until } from './service-process.ts';

/** Ten scrapes: a rate over four of them has what it needs, and a rollout its time. */
const WATCHED_MS = 100_000;
/** What Grafana makes of it for this scrape interval. */
const RATE_INTERVAL = '40s';

/** The others are the services; MinIO is none: the embedded suite keeps its models in a folder. */
const JOBS_OF_OTHERS = ['alertmanager', 'prometheus', 'redis'];

const programs = {
  prometheus: findProgram('prometheus'),
  alertmanager: alertmanagerProgram(),
  redisExporter: findProgram('prometheus-redis-exporter', 'redis_exporter'),
};
const isSkipped = [
  skipsWithout(programs.prometheus, 'prometheus', 'prometheus'),
  skipsWithout(programs.alertmanager, 'alertmanager', 'prometheus-alertmanager'),
  skipsWithout(programs.redisExporter, 'redis_exporter', 'prometheus-redis-exporter'),
].includes(true);

const dashboards = DASHBOARD_FILES.map(readDashboard);

/** A query as Grafana sends it, with these values of the variables, and all values of the others. */
function filled(query: string, chosen: Record<string, string> = {}): string {
  return query.replace(/\$\{?(\w+)\}?/g, (_, name: string) =>
    name === '__rate_interval' ? RATE_INTERVAL : (chosen[name] ?? '.+'),
  );
}

describe.skipIf(isSkipped)('what dashboards and rules find in Prometheus', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  let suite: MonitoredSuite;
  let prometheus: Prometheus;
  let watchedSinceMs: number;

  beforeAll(async () => {
    suite = await MonitoredSuite.start(cleanups);
    await suite.liveThroughFirstDay();
    prometheus = await suite.watch(programs as Record<keyof typeof programs, string>);
    watchedSinceMs = Date.now();
    await suite.liveOn(WATCHED_MS);
    console.log(await suite.rollouts());
    // Evaluated once a minute, and not before there were two scrapes.
    const rare = async () => (await prometheus.valuesNow('liminal:prediction_latency:slow_ratio_rate3d')).length > 0;
    await until('the rarest rules were evaluated', rare);
  }, 480_000);

  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  const values = (query: string, isRange: boolean): Promise<number[]> =>
    isRange ? prometheus.valuesSince(query, watchedSinceMs) : prometheus.valuesNow(query);

  /** Those of `names` for which nothing is found, but for the listed ones. */
  async function emptyOf<Item>(
    items: readonly Item[],
    nameOf: (item: Item) => string,
    find: (item: Item) => Promise<readonly unknown[]>,
    listed: Readonly<Record<string, string>>,
  ): Promise<string[]> {
    const empty: string[] = [];
    for (const item of items) {
      if (!(nameOf(item) in listed) && (await find(item)).length === 0) empty.push(nameOf(item));
    }
    return empty;
  }

  it('every target answers', async () => {
    const targets = await prometheus.targets();
    expect(targets.filter(({ health }) => health !== 'up')).toEqual([]);
    expect(targets.map(({ labels }) => labels.job).sort()).toEqual([...SERVICES, ...JOBS_OF_OTHERS].sort());
  });

  it('every query of every panel has data, but those that are listed', async () => {
    const queries = dashboards.flatMap(queriesOf);
    const find = ({ query, isRange }: (typeof queries)[number]) => values(filled(query), isRange);
    expect(await emptyOf(queries, ({ name }) => name, find, QUIET_QUERIES)).toEqual([]);
    expect(Object.keys(QUIET_QUERIES).filter((name) => !queries.some((query) => query.name === name))).toEqual([]);
  });

  it('every recording rule records, and every series that an alert looks at is there, but those that are listed', async () => {
    const recorded = RECORDS.map(({ record }) => record);
    const looked = ALERTS.flatMap(({ expr }) => queryNames(expr).series.map(({ selector }) => selector));
    const selectors = [...new Set([...recorded, ...looked])];
    const find = (selector: string) => prometheus.valuesNow(selector);
    expect(await emptyOf(selectors, (selector) => selector, find, QUIET_SELECTORS)).toEqual([]);
    expect(Object.keys(QUIET_SELECTORS).filter((selector) => !selectors.includes(selector))).toEqual([]);
  });

  it('no rule fails, and no alert fires but those that may', async () => {
    const rules = await prometheus.rules();
    expect(rules.length).toBe(ALERTS.length + RECORDS.length);
    expect(rules.filter(({ health, lastError }) => health !== 'ok' || lastError !== undefined)).toEqual([]);
    const firing = (await prometheus.alerts()).filter(({ state }) => state === 'firing');
    expect(firing.filter(({ labels }) => !(labels.alertname! in RIGHTLY_FIRING))).toEqual([]);
  });

  it.each(SERVICE_METRICS)('$part shows what it declares, and nothing else', async ({ part, metrics }) => {
    const declared = [...metrics, ...HTTP_METRICS.metrics];
    const shown = await prometheus.labelValues('__name__', `{job="${part}"}`);
    const absent = declared.filter((metric) => !seriesOf(metric).every((name) => shown.includes(name)));
    expect(absent.map(({ name }) => name).filter((name) => !(name in QUIET_METRICS))).toEqual([]);
    const known = [...declared, ...NODE_METRICS.metrics].flatMap(seriesOf);
    const own = shown.filter((name) => !/^(?:up|scrape_.*|ALERTS.*|liminal:.*)$/.test(name));
    expect(own.filter((name) => !known.includes(name))).toEqual([]);
  });

  const variables = dashboards.flatMap((dashboard) =>
    dashboard.templating.list.map((variable) => ({ title: dashboard.title, name: variable.name, dashboard, variable })),
  );

  it.each(variables)('each value of $name on $title leads to data', async ({ dashboard, variable, name }) => {
    const { selector, label } = sourceOf(variable);
    const choices = await prometheus.labelValues(label, filled(selector));
    expect(choices.length).toBeGreaterThan(0);
    const queries = queriesOf(dashboard).filter(({ query }) => query.includes(`$${name}`));
    for (const value of choices) {
      const found = await Promise.all(
        queries.map(({ query, isRange }) => values(filled(query, { [name]: value }), isRange)),
      );
      expect(found.flat().length, `${name}="${value}"`).toBeGreaterThan(0);
    }
  });
});
