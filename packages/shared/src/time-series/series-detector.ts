import type { Severity } from '../contracts/prediction.ts';
import { type ExpectedBand, expectedBand } from './expected-band.ts';
import { Likelihood } from './likelihood.ts';
import { motionNovelty, noveltyOf, valueNovelty } from './novelty.ts';
import { repetition } from './repetition.ts';
import { LONGEST_GAP, SeriesHistory } from './series-history.ts';
import { decodeSeriesState, encodeSeriesState, type SeriesClock, type SeriesParts } from './series-state-codec.ts';
import { fromScale, toScale, type ValueScale } from './value-scale.ts';

/** One value of a series. */
export interface SeriesPoint {
  /** Whole minutes since the epoch, event time, UTC. Of a series with another interval: intervals. */
  minute: number;
  /** NaN = not observed. */
  value: number;
}

/** What a detector made of a point: not observed; not after the last one, so ignored; too early to judge; judged. */
export type PointStatus = 'missing' | 'late' | 'warming-up' | 'judged';

/** What each stream says of a point, NaN while unknown. */
export interface StreamScores {
  /** Likelihood of the newest values: has the series ever been here? */
  value: number;
  /** Likelihood of the newest states: has it ever come here this way? */
  motion: number;
  /** How long it has stood still, relative to what is out of the ordinary. */
  repetition: number;
}

export interface SeriesVerdict extends ExpectedBand {
  status: PointStatus;
  /** Higher = more anomalous. NaN unless the status is `judged`. */
  score: number;
  /** The first point of an anomaly; the detector is silent for a while after it. */
  alarm: boolean;
  /** Of the score, whether or not it is the first point. */
  severity: Severity;
  streams: StreamScores;
}

export interface SeriesDetectorOptions {
  scale: ValueScale;
  /** A single change of this size, seen from 0, is no news; 0 where each may be. */
  leastChange: number;
  /** Values that novelty is judged against. */
  historyLength: number;
  /** Values of the long run that likelihood is judged against. */
  likelihoodLength: number;
  /** Observed values before the first judgement. */
  warmUpLength: number;
  /** Smallest score that alarms. */
  alarmThreshold: number;
  /** Minutes without another alarm after one. */
  silenceMinutes: number;
}

/** For counts, ratios and durations of a platform, one value a minute; docs/time-series.md says how they were chosen. */
export const DEFAULT_SERIES_OPTIONS: SeriesDetectorOptions = {
  scale: 'square-root',
  leastChange: 0.01,
  historyLength: 4_000,
  likelihoodLength: 8_640,
  warmUpLength: 1_440,
  alarmThreshold: 4,
  silenceMinutes: 60,
};

/** A score of so many thresholds wakes someone. */
const CRITICAL_FACTOR = 2;
/** Values that pass before novelty counts: with hardly a past, everything is new. */
const BLIND_LENGTH = 50;
const SHORTEST_HISTORY = 100;

/**
 * Judges each value of a series when it comes, from the values before it alone; fixed memory, some microseconds a value. The
 * verdicts are a function of the points and the options: a detector that was encoded and decoded goes on bit for bit.
 */
export class SeriesDetector {
  readonly #options: SeriesDetectorOptions;
  readonly #history: SeriesHistory;
  readonly #value: Likelihood;
  readonly #motion: Likelihood;
  readonly #clock: SeriesClock = {
    observed: 0,
    lastMinute: Number.NEGATIVE_INFINITY,
    alarmMinute: Number.NEGATIVE_INFINITY,
    reportedRun: 0,
  };

  private constructor(options: SeriesDetectorOptions) {
    this.#options = options;
    this.#history = new SeriesHistory(options.historyLength);
    const leastNovelty = noveltyOf(toScale(options.leastChange, options.scale));
    this.#value = new Likelihood(options.likelihoodLength, leastNovelty);
    this.#motion = new Likelihood(options.likelihoodLength, leastNovelty);
  }

  /** Throws `RangeError` on options that make no sense. */
  static fresh(options: Partial<SeriesDetectorOptions> = {}): SeriesDetector {
    const all = { ...DEFAULT_SERIES_OPTIONS, ...options };
    assertOptions(all);
    return new SeriesDetector(all);
  }

  /**
   * Goes on where the encoded one stood. The options may be others, but for the scale. Throws `UndecodableError` on bytes that
   * this version did not write, and on those of another scale.
   */
  static decode(bytes: Uint8Array, options: Partial<SeriesDetectorOptions> = {}): SeriesDetector {
    const detector = SeriesDetector.fresh(options);
    decodeSeriesState(bytes, detector.#parts());
    return detector;
  }

  /** At most 16.2 KB with the default options. The same state gives the same bytes. */
  encode(): Buffer {
    return encodeSeriesState(this.#parts());
  }

  /** Of the newest point; −Infinity before the first. */
  get lastMinute(): number {
    return this.#clock.lastMinute;
  }

  /** Takes the next point. One whose minute is not after the last one's changes nothing. */
  update({ minute, value }: SeriesPoint): SeriesVerdict {
    if (minute <= this.#clock.lastMinute) return unjudged('late', this.#band());
    this.#passTo(minute);
    const band = this.#band();
    const scaled = toScale(Number.isFinite(value) ? value : Number.NaN, this.#options.scale);
    this.#history.push(scaled);
    if (Number.isNaN(scaled)) return unjudged('missing', band);
    this.#clock.observed++;
    const { run, ratio } = repetition(this.#history, this.#clock.reportedRun);
    if (run === 1) this.#clock.reportedRun = 0;
    const streams = { ...this.#likelihoods(), repetition: ratio };
    const { warmUpLength, alarmThreshold } = this.#options;
    if (this.#clock.observed <= warmUpLength || Number.isNaN(streams.value + streams.motion)) {
      return { ...unjudged('warming-up', band), streams };
    }
    const score = scoreOf(streams, alarmThreshold);
    const alarm = score >= alarmThreshold && minute - this.#clock.alarmMinute > this.#options.silenceMinutes;
    if (alarm) {
      this.#clock.alarmMinute = minute;
      this.#clock.reportedRun = run;
    }
    return { status: 'judged', score, alarm, severity: severityOf(score, alarmThreshold), ...band, streams };
  }

  /** Minutes that nothing was said about are missing. */
  #passTo(minute: number): void {
    const { lastMinute } = this.#clock;
    const skipped = lastMinute === Number.NEGATIVE_INFINITY ? 0 : minute - lastMinute - 1;
    for (let left = Math.min(skipped, LONGEST_GAP); left > 0; left--) this.#history.push(Number.NaN);
    this.#clock.lastMinute = minute;
  }

  #band(): ExpectedBand {
    const { expected, expectedLow, expectedHigh } = expectedBand(this.#history);
    const { scale } = this.#options;
    return {
      expected: fromScale(expected, scale),
      expectedLow: fromScale(expectedLow, scale),
      expectedHigh: fromScale(expectedHigh, scale),
    };
  }

  #likelihoods(): Omit<StreamScores, 'repetition'> {
    if (this.#clock.observed <= BLIND_LENGTH) return { value: Number.NaN, motion: Number.NaN };
    return {
      value: this.#value.update(valueNovelty(this.#history)),
      motion: this.#motion.update(motionNovelty(this.#history)),
    };
  }

  #parts(): SeriesParts {
    const { scale } = this.#options;
    return { scale, clock: this.#clock, history: this.#history, likelihoods: [this.#value, this.#motion] };
  }
}

/** The mean of the two likelihoods; a series that stands still reaches the threshold by that alone. */
function scoreOf({ value, motion, repetition: ratio }: StreamScores, alarmThreshold: number): number {
  const novelty = (value + motion) / 2;
  return ratio >= 1 ? Math.max(novelty, ratio * alarmThreshold) : novelty;
}

const UNKNOWN_STREAMS: StreamScores = { value: Number.NaN, motion: Number.NaN, repetition: Number.NaN };

function unjudged(status: PointStatus, band: ExpectedBand): SeriesVerdict {
  return { status, score: Number.NaN, alarm: false, severity: 'none', ...band, streams: UNKNOWN_STREAMS };
}

function severityOf(score: number, alarmThreshold: number): Severity {
  if (score < alarmThreshold) return 'none';
  return score >= CRITICAL_FACTOR * alarmThreshold ? 'critical' : 'warning';
}

function assertOptions(options: SeriesDetectorOptions): void {
  const { historyLength, likelihoodLength, warmUpLength, leastChange, alarmThreshold, silenceMinutes } = options;
  const least = { historyLength: SHORTEST_HISTORY, likelihoodLength: SHORTEST_HISTORY, warmUpLength: BLIND_LENGTH };
  for (const [name, length] of Object.entries({ historyLength, likelihoodLength, warmUpLength })) {
    const bound = least[name as keyof typeof least];
    if (Number.isInteger(length) && length >= bound) continue;
    throw new RangeError(`${name} must be a whole number from ${bound}, not ${length}`);
  }
  if (!(leastChange >= 0)) throw new RangeError(`leastChange must not be negative, as ${leastChange} is`);
  if (!(alarmThreshold > 0)) throw new RangeError(`alarmThreshold must be above 0, not ${alarmThreshold}`);
  if (!(silenceMinutes >= 0)) throw new RangeError(`silenceMinutes must not be negative, as ${silenceMinutes} is`);
}
