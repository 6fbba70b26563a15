import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SeriesDetector } from '@liminal/shared/time-series/series-detector';
import { platformSeries } from './series-incidents/platform-series.ts';
import { asMarkdown, type IncidentReport, incidentRows, seriesRows, variantRows } from './series-incidents/report.ts';
import { type MeasureOptions, watchPlatform } from './series-incidents/watch.ts';

export const name = 'time series: incidents on a simulated platform';
const USERS = 2_000;
const DAYS = 12;
const SEEDS = [1, 2, 3];
const WEEK_MINUTES = 10_080;
/** Series that one instance may have to watch: those of the platform, of its routes and of its channels. */
const WATCHED_SERIES = 300;
/** What may be taken of the event loop at once. */
const AIM_MS = 20;

const VARIANTS: readonly (readonly [name: string, options: MeasureOptions])[] = [
  ['default', () => ({})],
  ['threshold 3', () => ({ alarmThreshold: 3 })],
  ['threshold 5', () => ({ alarmThreshold: 5 })],
  ['threshold 2, as NAB chooses it', () => ({ alarmThreshold: 2 })],
  ['linear scale', () => ({ scale: 'linear' })],
  ['each change may be news', () => ({ leastChange: 0 })],
  ['history of a week', () => ({ historyLength: WEEK_MINUTES })],
];

/**
 * Detection delay and false alarms a day of the platform watch, on the simulator's traffic; and how long an update takes beside
 * the time that all updates of a minute may take.
 *
 * `INCIDENTS_WRITE=1` writes docs/series-incidents.md.
 */
export async function run(): Promise<void> {
  const platforms = SEEDS.map((seed) => platformSeries({ seed, users: USERS, days: DAYS }));
  const variants = VARIANTS.map(([variant, optionsOf]) => ({
    name: variant,
    results: platforms.map((series, index) => watchPlatform(series, optionsOf, SEEDS[index]!)),
  }));
  const report: IncidentReport = {
    platforms: SEEDS.length,
    users: USERS,
    days: DAYS,
    variants,
    ...cost(platforms[0]!.requests),
  };
  console.table(incidentRows(report));
  console.table(seriesRows(report));
  console.table(variantRows(report));
  const atOnceMs = (WATCHED_SERIES * report.microseconds) / 1_000;
  console.table([
    {
      update: `${report.microseconds.toFixed(1)} µs`,
      [`${WATCHED_SERIES} series`]: `${atOnceMs.toFixed(1)} ms`,
      limit: `${AIM_MS} ms`,
      ratio: Number((AIM_MS / atOnceMs).toFixed(2)),
      state: `${report.stateBytes} bytes`,
    },
  ]);
  if (process.env.INCIDENTS_WRITE === '1') {
    writeFileSync(join(import.meta.dirname, '../docs/series-incidents.md'), asMarkdown(report));
  }
}

/** With a full history: the median over rounds, so that what else the machine does counts less. */
function cost(values: Float64Array): { microseconds: number; stateBytes: number } {
  const detector = SeriesDetector.fresh();
  const ROUND = 500;
  const rounds: number[] = [];
  let started = 0;
  for (const [minute, value] of values.entries()) {
    if (minute % ROUND === 0) {
      if (minute > values.length / 2) rounds.push(((performance.now() - started) * 1_000) / ROUND);
      started = performance.now();
    }
    detector.update({ minute, value });
  }
  rounds.sort((left, right) => left - right);
  return { microseconds: rounds[rounds.length >> 1]!, stateBytes: detector.encode().length };
}

if (import.meta.main) await run();
