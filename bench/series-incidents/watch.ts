import { MEASURES, type Measure } from '@liminal/shared/contracts/series';
import { Random } from '@liminal/shared/runtime/random';
import { SeriesDetector, type SeriesDetectorOptions } from '@liminal/shared/time-series/series-detector';
import { INCIDENTS, type Incident } from './incidents.ts';
import { DAY_MINUTES, type PlatformSeries } from './platform-series.ts';

export type MeasureOptions = (measure: Measure) => Partial<SeriesDetectorOptions>;

export interface WatchResult {
  /** Alarms of each series on a platform on which nothing is wrong. */
  falseAlarms: Record<Measure, number>;
  /** Days on which there could have been any. */
  days: number;
  /** Points that were judged, and those of them within the expected band. */
  judged: number;
  inBand: number;
  /** By name of the incident, for each that was tried: minutes until the first alarm of any series; Infinity = none. */
  delays: Record<string, number[]>;
}

/** When incidents happen: twice a day, at times that differ, from the fourth day on. */
function starts(days: number, random: Random): number[] {
  const halfDay = DAY_MINUTES / 2;
  return Array.from(
    { length: 2 * (days - FIRST_INCIDENT_DAY) },
    (_, index) => FIRST_INCIDENT_DAY * DAY_MINUTES + index * halfDay + random.int(halfDay - LONGEST_MINUTES),
  ).filter((start) => start + LONGEST_MINUTES < days * DAY_MINUTES);
}

const FIRST_INCIDENT_DAY = 3;
const LONGEST_MINUTES = Math.max(...INCIDENTS.map(({ minutes }) => minutes));

/**
 * Watches a platform: once with nothing wrong, which gives the false alarms; and from the state before each start once with each
 * incident, which gives the delay.
 */
export function watchPlatform(series: PlatformSeries, optionsOf: MeasureOptions, seed: number): WatchResult {
  const minutes = series.requests.length;
  const startMinutes = new Set(starts(minutes / DAY_MINUTES, new Random(seed)));
  const detectors = new Map(MEASURES.map((measure) => [measure, SeriesDetector.fresh(optionsOf(measure))] as const));
  const result: WatchResult = {
    falseAlarms: Object.fromEntries(MEASURES.map((measure) => [measure, 0])) as Record<Measure, number>,
    days: minutes / DAY_MINUTES - 1,
    judged: 0,
    inBand: 0,
    delays: Object.fromEntries(INCIDENTS.map(({ name }) => [name, []])),
  };
  for (let minute = 0; minute < minutes; minute++) {
    if (startMinutes.has(minute)) {
      const states = new Map([...detectors].map(([measure, detector]) => [measure, detector.encode()] as const));
      for (const incident of INCIDENTS) {
        const delay = delayOf(series, incident, minute, states, optionsOf);
        result.delays[incident.name]!.push(delay);
      }
    }
    for (const [measure, detector] of detectors) {
      const value = series[measure][minute]!;
      const { alarm, status, expectedLow, expectedHigh } = detector.update({ minute, value });
      if (alarm) result.falseAlarms[measure]++;
      if (status !== 'judged') continue;
      result.judged++;
      if (value >= expectedLow && value <= expectedHigh) result.inBand++;
    }
  }
  return result;
}

function delayOf(
  series: PlatformSeries,
  incident: Incident,
  start: number,
  states: ReadonlyMap<Measure, Buffer>,
  optionsOf: MeasureOptions,
): number {
  const random = new Random(start);
  const detectors = new Map<Measure, SeriesDetector>();
  for (let age = 0; age < incident.minutes; age++) {
    const minute = start + age;
    let isAlarm = false;
    // A series that the incident leaves alone can only alarm by accident.
    for (const [name, value] of Object.entries(incident.values(series, minute, age, random))) {
      const measure = name as Measure;
      const detector = detectors.get(measure) ?? SeriesDetector.decode(states.get(measure)!, optionsOf(measure));
      detectors.set(measure, detector);
      if (detector.update({ minute, value }).alarm) isAlarm = true;
    }
    if (isAlarm) return age;
  }
  return Number.POSITIVE_INFINITY;
}
