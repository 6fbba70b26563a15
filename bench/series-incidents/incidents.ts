import type { Measure } from '@liminal/shared/contracts/series';
import type { Random } from '@liminal/shared/runtime/random';
import { PRIOR_EVENTS, ratio } from '../../services/predictor/src/series/minute-values.ts';
import { COUNTS, type PlatformSeries } from './platform-series.ts';

/** Something that goes wrong on the platform. */
export interface Incident {
  name: string;
  what: string;
  minutes: number;
  /**
   * The values of a minute of it, where they are others than without it. `minute`: of the series; `age`: minutes since the start.
   */
  values(series: PlatformSeries, minute: number, age: number, random: Random): Partial<Record<Measure, number>>;
}

export const INCIDENTS: readonly Incident[] = [
  {
    name: 'outage',
    what: 'nothing arrives for 30 minutes',
    minutes: 30,
    values: () => ({
      ...Object.fromEntries(COUNTS.map((measure) => [measure, 0])),
      failed_login_ratio: 0,
      error_ratio: 0,
      p95_duration: Number.NaN,
    }),
  },
  {
    name: 'flash crowd',
    what: 'everything grows to three times as much within 10 minutes and stays so for 30',
    minutes: 40,
    values: (series, minute, age) => {
      const factor = 1 + 2 * Math.min(1, (age + 1) / 10);
      return Object.fromEntries(COUNTS.map((measure) => [measure, Math.round(factor * series[measure][minute]!)]));
    },
  },
  {
    name: 'login storm',
    what: '20 failed logins a minute more, for 30 minutes',
    minutes: 30,
    values: (series, minute, _age, random) => {
      const added = poisson(20, random);
      const logins = series.logins[minute]!;
      const failed = series.failed_login_ratio[minute]! * (logins + PRIOR_EVENTS);
      return { logins: logins + added, failed_login_ratio: ratio(failed + added, logins + added) };
    },
  },
  {
    name: 'slow degradation',
    what: 'p95 duration rises evenly to three times as much within 2 hours, errors to 5% of the answers',
    minutes: 120,
    values: (series, minute, age) => ({
      p95_duration: series.p95_duration[minute]! * (1 + (2 * (age + 1)) / 120),
      error_ratio: series.error_ratio[minute]! + (0.05 * (age + 1)) / 120,
    }),
  },
  {
    name: 'stuck counter',
    what: 'the number of requests stays the same for 60 minutes',
    minutes: 60,
    values: ({ requests }, minute, age) => ({ requests: requests[minute - age - 1]! }),
  },
];

/** Knuth's product of uniform numbers, for small means. */
function poisson(mean: number, random: Random): number {
  const limit = Math.exp(-mean);
  let count = -1;
  for (let product = 1; product > limit; product *= random.next()) count++;
  return count;
}
