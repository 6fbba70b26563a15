import { spawnSync } from 'node:child_process';
import { createBuildInfo } from '@liminal/shared/runtime/build-info';
import { createHttpMetrics } from '@liminal/shared/runtime/http-metrics';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { type DeclaredMetric, HTTP_METRICS, SERVICE_METRICS } from './declared-metrics.ts';
import { SERVICE_DECLARATIONS } from './service-catalogue.ts';

const METRICS = [...SERVICE_METRICS, HTTP_METRICS].flatMap(({ metrics }) => metrics);

/** Base units of Prometheus, and what is counted where a number is of things. */
const BASE_UNITS = ['seconds', 'bytes', 'ratio', 'nats'];
const THINGS = ['events', 'rows', 'users', 'partitions', 'anomalies', 'clients', 'incidents', 'alarms', 'rules'];
/** Other spellings and multiples of base units. */
const NO_BASE_UNIT = /_(ms|millis|milliseconds|us|microseconds|minutes|hours|days|kb|kilobytes|mb|megabytes|percent)$/;

/** Gauges that have no one unit, and why. */
const WITHOUT_UNIT: Record<string, string> = {
  liminal_predictor_series_value: 'each series has its own unit',
  liminal_predictor_series_expected: 'that of the series',
  liminal_predictor_series_expected_low: 'that of the series',
  liminal_predictor_series_expected_high: 'that of the series',
  liminal_predictor_series_score: 'a score of a model has none',
};

/** What `promtool check metrics` says all the same, and why it does not hold. */
const NO_FAULTS: Record<string, string> = {
  'liminal_extractor_closed_minutes_total use base unit "seconds" instead of "minutes"':
    'the minutes are the things that are counted, one for each partition',
  'liminal_predictor_series_minutes_total use base unit "seconds" instead of "minutes"':
    'the minutes of the platform are the things that are counted',
};

function namingFaults({ name, type }: DeclaredMetric): string[] {
  const faults: string[] = [];
  const unit = name.slice(name.lastIndexOf('_') + 1);
  if (type === 'summary') faults.push('summaries can not be added up over replicas: use a histogram');
  if (/_(bucket|count|sum|created)$/.test(name)) faults.push('the ending belongs to the series of a histogram');
  if (type === 'counter') {
    if (unit !== 'total') faults.push('a counter ends in _total');
    return faults;
  }
  if (unit === 'total') faults.push('only counters end in _total');
  if (NO_BASE_UNIT.test(name)) faults.push('is not in base units');
  if (/timestamp/.test(name) && !name.endsWith('_timestamp_seconds')) faults.push('times end in _timestamp_seconds');
  const known = [...BASE_UNITS, ...THINGS, ...(type === 'gauge' ? ['info'] : [])];
  if (!known.includes(unit) && !(name in WITHOUT_UNIT)) faults.push(`has no known unit: ${unit}`);
  return faults;
}

describe('names of metrics', () => {
  it.each(METRICS)('$name', (metric) => expect(namingFaults(metric)).toEqual([]));

  it.each([
    ['liminal_x_duration_ms', 'histogram'],
    ['liminal_x_events', 'counter'],
    ['liminal_x_events_total', 'gauge'],
    ['liminal_x_created_timestamp', 'gauge'],
    ['liminal_x_load', 'gauge'],
    ['liminal_x_build_info', 'histogram'],
    ['liminal_x_age_hours', 'gauge'],
    ['liminal_x_latency_seconds', 'summary'],
  ] as const)('%s would be no name of a %s', (name, type) => {
    expect(namingFaults({ name, type, help: '', labelNames: [] })).not.toEqual([]);
  });

  it('that have no unit are still declared', () => {
    const names = METRICS.map(({ name }) => name);
    expect(Object.keys(WITHOUT_UNIT).filter((name) => !names.includes(name))).toEqual([]);
  });
});

describe('promtool check metrics', () => {
  const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;
  if (!hasPromtool) console.warn('SKIPPED: no promtool on this machine (Debian: apt-get install prometheus)');

  it.skipIf(!hasPromtool)('finds nothing but what is known to be right', async () => {
    const registry = new Registry();
    createBuildInfo(registry, 'any');
    createHttpMetrics(registry);
    for (const { createMetrics } of SERVICE_DECLARATIONS) createMetrics(registry);
    const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], {
      input: await registry.metrics(),
      encoding: 'utf8',
    });
    expect([0, 3]).toContain(status);
    const said = `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
    expect(said).toEqual(Object.keys(NO_FAULTS));
  });
});
