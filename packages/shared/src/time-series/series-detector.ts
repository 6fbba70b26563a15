import type { Severity } from '../contracts/prediction.ts';
import { type ExpectedBand, expectedBand } from './expected-band.ts';
import { Likelihood } from './likelihood.ts';
import { motionNovelty, valueNovelty } from './novelty.ts';
import { SeriesHistory } from './series-history.ts';
import { decodeSeriesState, encodeSeriesState } from './series-state-codec.ts';

/** One value of a series. */
export interface SeriesPoint {
  /** Whole minutes since the epoch, event time, UTC; of a series with another interval, intervals since then. */
  minute: number;
  /** NaN = not observed. */
  value: number;
}

/** What a detector made of a point: not observed; before the last one, so ignored; too early to judge; judged. */
export type PointStatus = 'missing' | 'late' | 'warming-up' | 'judged';

/** Likelihood of each stream, NaN while unknown: how much more novel the newest points are than the long run. */
export interface StreamLikelihoods {
  /** Of the value: has the series ever been here? */
  value: number;
  /** Of the motion: has it ever come here this way? */
  motion: number;
}

export interface SeriesVerdict extends ExpectedBand {
  status: PointStatus;
  /** Mean of the likelihoods of the streams; higher = more anomalous. NaN unless the status is `judged`. */
  score: number;
  /** The first point of an anomaly; the detector is silent for a while after it. */
  alarm: boolean;
  severity: Severity;
  streams: StreamLikelihoods;
}

export interface SeriesDetectorOptions {
  /** Values that novelty is judged against. */
  historyLength: number;
  /** Values of the long run that likelihood is judged against. */
  likelihoodLength: number;
  /** Observed values before the first judgement. */
  warmUpLength: number;
  /** Smallest score that alarms. */
  alarmThreshold: number;
  /** Observed values without another alarm after one. */
  silenceLength: number;
}

/** For series with one value a minute. */
export const DEFAULT_SERIES_OPTIONS: SeriesDetectorOptions = {
  historyLength: 4_000,
  likelihoodLength: 8_640,
  warmUpLength: 1_440,
  alarmThreshold: 1.6,
  silenceLength: 60,
};

/** A score of so many thresholds wakes someone. */
const CRITICAL_FACTOR = 3;
/** Share of the warm-up that passes before novelty counts: with hardly a past, everything is new. */
const BLIND_SHARE = 1 / 4;

/**
 * Judges each value of a series when it comes, from the values before it alone; fixed memory, some microseconds a value. The
 * verdicts are a function of the points and the options: a detector that was encoded and decoded goes on bit for bit.
 */
export class SeriesDetector {
  readonly #options: SeriesDetectorOptions;
  readonly #history: SeriesHistory;
  readonly #value: Likelihood;
  readonly #motion: Likelihood;
  /** Observed values. */
  #observed = 0;
  #lastMinute = Number.NEGATIVE_INFINITY;
  /** Observed values left without an alarm. */
  #silent = 0;

  private constructor(options: SeriesDetectorOptions) {
    this.#options = options;
    this.#history = new SeriesHistory(options.historyLength);
    this.#value = new Likelihood(options.likelihoodLength);
    this.#motion = new Likelihood(options.likelihoodLength);
  }

  static fresh(options: Partial<SeriesDetectorOptions> = {}): SeriesDetector {
    return new SeriesDetector({ ...DEFAULT_SERIES_OPTIONS, ...options });
  }

  /** Throws `UndecodableError` on bytes that this version did not write. */
  static decode(bytes: Uint8Array, options: Partial<SeriesDetectorOptions> = {}): SeriesDetector {
    const detector = SeriesDetector.fresh(options);
    const { observed, lastMinute, silent } = decodeSeriesState(bytes, detector.#parts());
    detector.#observed = observed;
    detector.#lastMinute = lastMinute;
    detector.#silent = silent;
    return detector;
  }

  /** At most 16.3 KB with the default options. The same state gives the same bytes. */
  encode(): Buffer {
    const counters = { observed: this.#observed, lastMinute: this.#lastMinute, silent: this.#silent };
    return encodeSeriesState(counters, this.#parts());
  }

  /** Of the newest point; −Infinity before the first. */
  get lastMinute(): number {
    return this.#lastMinute;
  }

  /** Takes the next point. A minute that is not after the last one changes nothing. */
  update({ minute, value }: SeriesPoint): SeriesVerdict {
    const band = expectedBand(this.#history);
    if (minute <= this.#lastMinute) return unjudged('late', band);
    this.#lastMinute = minute;
    if (!Number.isFinite(value)) return unjudged('missing', band);
    const { warmUpLength, alarmThreshold, silenceLength } = this.#options;
    this.#history.push(value);
    this.#observed++;
    const streams = this.#likelihoods();
    if (this.#silent > 0) this.#silent--;
    if (this.#observed <= warmUpLength || Number.isNaN(streams.value + streams.motion)) {
      return { ...unjudged('warming-up', band), streams };
    }
    const score = (streams.value + streams.motion) / 2;
    const alarm = score >= alarmThreshold && this.#silent === 0;
    if (alarm) this.#silent = silenceLength;
    const severity = severityOf(score, alarmThreshold);
    return { status: 'judged', score, alarm, severity, ...band, streams };
  }

  #likelihoods(): StreamLikelihoods {
    if (this.#observed <= this.#options.warmUpLength * BLIND_SHARE || this.#observed < 10) return UNKNOWN_STREAMS;
    return {
      value: this.#value.update(valueNovelty(this.#history)),
      motion: this.#motion.update(motionNovelty(this.#history)),
    };
  }

  #parts() {
    return { history: this.#history, likelihoods: [this.#value, this.#motion] };
  }
}

const UNKNOWN_STREAMS: StreamLikelihoods = { value: Number.NaN, motion: Number.NaN };

function unjudged(status: PointStatus, band: ExpectedBand): SeriesVerdict {
  return { status, score: Number.NaN, alarm: false, severity: 'none', ...band, streams: UNKNOWN_STREAMS };
}

function severityOf(score: number, alarmThreshold: number): Severity {
  if (score < alarmThreshold) return 'none';
  return score >= CRITICAL_FACTOR * alarmThreshold ? 'critical' : 'warning';
}
