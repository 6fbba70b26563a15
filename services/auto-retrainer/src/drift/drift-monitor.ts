import { hash32 } from '@liminal/shared/contracts/hash32';
import type { PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { type AlarmRate, alarmRate } from './alarm-rate.ts';
import { BETS, bet, likeliestChange, type MartingaleState, newMartingale } from './betting-martingale.ts';
import { append, asSample, firstSince, forgetOldest, type LookedAt, noneLookedAt, windowOf } from './looked-at.ts';
import { emptyRanks, nextRank, type OnlineRankState } from './online-rank.ts';
import { isLookedAt, tieBreak } from './rota.ts';
import type { Sample } from './sample.ts';
import { type ScoreDrift, scoreDrift } from './score-drift.ts';

export interface DriftMonitorOptions {
  release: string;
  /** How many independent rows the calibration of the release is worth. */
  calibrationRows: number;
  roundMs: number;
  /** Share of normal vectors that may alarm. */
  alertRate: number;
  /** Probability, for the whole life of the release, of calling drift what is none. */
  falseAlarmRate: number;
}

/** All that a monitor knows: numbers and strings, bounded. */
export interface DriftState {
  release: string;
  ranks: OnlineRankState;
  martingale: MartingaleState;
  lookedAt: LookedAt;
  /** Predictions of the release, by the round in which they began, newest last. */
  rounds: { fromTs: number; rows: number }[];
  newestTs: number;
}

export interface MartingaleReport {
  /** ln of the martingale, of its largest value, and of the value at which it alarms. */
  logValue: number;
  logHighest: number;
  logThreshold: number;
  vectors: number;
  isAlarm: boolean;
  /** What the bet that has earned most says; null before the first vector. */
  means: string | null;
  sinceTs: number | null;
}

/** What drift does to alerts. */
export type AlertEffect = 'none' | 'raised' | 'lowered';

/** Since the likeliest change once the martingale has alarmed, before that of the window. */
export interface AlertReport extends AlarmRate {
  budget: number;
  effect: AlertEffect;
}

export interface WindowReport {
  vectors: number;
  fromTs: number | null;
  toTs: number | null;
}

export interface DriftReport {
  release: string;
  martingale: MartingaleReport;
  alerts: AlertReport;
  scores: ScoreDrift;
  window: WindowReport;
  /** Predictions since the likeliest change; 0 without an alarm. */
  rowsSinceChange: number;
}

/** Rounds whose rows are counted apart. */
const MOST_ROUNDS = 500;
/** The alarm rate counts as moved when it is surely beyond this many times the budget, or below one in so many. */
export const EFFECT_FACTOR = 1.5;

/**
 * Follows the predictions of one release, see docs/drift.md. A pure state machine: the same records give the same
 * state.
 */
export class DriftMonitor {
  readonly #options: DriftMonitorOptions;
  readonly #state: DriftState;

  /** Goes on from `state` where it is of this release, and of this version's bets. */
  constructor(options: DriftMonitorOptions, state?: DriftState) {
    this.#options = options;
    const goesOn = state?.release === options.release && state.martingale.logCapitals.length === BETS.length;
    this.#state = goesOn ? state : newState(options.release);
  }

  get state(): DriftState {
    return this.#state;
  }

  /** Takes records in the order in which they were read; those of other releases are left out. */
  add(records: readonly PredictionRecord[]): void {
    const { release, roundMs } = this.#options;
    const chosen: PredictionRecord[] = [];
    for (const record of records) {
      if (record.release !== release) continue;
      this.#count(record.ts);
      if (isLookedAt(record.user, record.ts, release, roundMs)) chosen.push(record);
    }
    // Partitions are read one after the other: within a batch an order that nothing but the hash decides.
    chosen.sort((left, right) => order(left) - order(right) || left.ts - right.ts);
    for (const record of chosen) this.#look(record);
    forgetOldest(this.#state.lookedAt);
  }

  report(): DriftReport {
    const { release, calibrationRows, alertRate } = this.#options;
    const window = this.#windowRows();
    const martingale = this.#martingaleReport();
    const { sinceTs, isAlarm } = martingale;
    const judged = isAlarm && sinceTs !== null ? this.#pValuesSince(sinceTs) : window.pValues;
    const rate = alarmRate(judged.filter((pValue) => pValue <= alertRate).length, judged.length);
    return {
      release,
      martingale,
      alerts: { ...rate, budget: alertRate, effect: effectOf(rate, alertRate) },
      scores: scoreDrift(window.pValues, calibrationRows),
      window: { vectors: window.ts.length, fromTs: window.ts[0] ?? null, toTs: window.ts.at(-1) ?? null },
      rowsSinceChange: isAlarm && sinceTs !== null ? this.#rowsSince(sinceTs) : 0,
    };
  }

  /** The vectors of the last round, and older ones where it brought few. */
  window(): Sample {
    return asSample(this.#windowRows());
  }

  #windowRows(): LookedAt {
    return windowOf(this.#state.lookedAt, this.#state.newestTs - this.#options.roundMs);
  }

  #pValuesSince(ts: number): number[] {
    const { lookedAt } = this.#state;
    return lookedAt.pValues.slice(firstSince(lookedAt.ts, ts));
  }

  #look({ user, ts, pValue, values }: PredictionRecord): void {
    const { release, calibrationRows, alertRate } = this.#options;
    const { ranks, martingale, lookedAt } = this.#state;
    bet(martingale, nextRank(ranks, pValue, tieBreak(user, ts, release), calibrationRows), ts, alertRate);
    append(lookedAt, ts, pValue, values);
  }

  #count(ts: number): void {
    const { rounds } = this.#state;
    this.#state.newestTs = Math.max(this.#state.newestTs, ts);
    const fromTs = ts - (ts % this.#options.roundMs);
    let round = rounds.findLast((known) => known.fromTs === fromTs);
    if (round === undefined) {
      round = { fromTs, rows: 0 };
      rounds.push(round);
      rounds.sort((left, right) => left.fromTs - right.fromTs);
      if (rounds.length > MOST_ROUNDS) rounds.shift();
    }
    round.rows++;
  }

  #rowsSince(ts: number): number {
    const { roundMs } = this.#options;
    return this.#state.rounds.reduce((sum, { fromTs, rows }) => (fromTs + roundMs > ts ? sum + rows : sum), 0);
  }

  #martingaleReport(): MartingaleReport {
    const { martingale } = this.#state;
    const { steps, logValue, logHighest } = martingale;
    const logThreshold = -Math.log(this.#options.falseAlarmRate);
    const change = steps === 0 ? { means: null, sinceTs: null } : likeliestChange(martingale);
    return { logValue, logHighest, logThreshold, vectors: steps, isAlarm: logHighest >= logThreshold, ...change };
  }
}

export function effectOf({ low, high }: AlarmRate, budget: number): AlertEffect {
  if (low > budget * EFFECT_FACTOR) return 'raised';
  return high < budget / EFFECT_FACTOR ? 'lowered' : 'none';
}

const order = ({ user, ts }: PredictionRecord): number => hash32(`order ${user} ${ts}`);

const newState = (release: string): DriftState => ({
  release,
  ranks: emptyRanks(),
  martingale: newMartingale(),
  lookedAt: noneLookedAt(),
  rounds: [],
  newestTs: 0,
});
