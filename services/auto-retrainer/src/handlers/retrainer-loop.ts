import { LeaseLostError } from '@liminal/shared/adapters/stream-worker';
import type { Drift } from '@liminal/shared/contracts/drift-report';
import { VERDICTS } from '@liminal/shared/contracts/verdict';
import type { Logger } from 'pino';
import { driftReport, STABILITY_LIMITS, WINDOW_RATE } from '../drift/report.ts';
import type { Metrics } from '../metrics.ts';
import { type Platform, pointerOf } from '../policy/observe-platform.ts';
import { type Decision, decide, type Limits, type Situation } from '../policy/policy.ts';
import { precisionCounts } from '../policy/verdict-counts.ts';
import { advance, failedInARow, newRollout, type Rollout, type RolloutLimits } from '../rollout/rollout.ts';
import { newWatch, type WatchLimits, type WatchState, watchRecords, watchVerdict } from '../rollout/watch.ts';
import { applyRequests } from '../state/apply-requests.ts';
import { closeRollout, emptyState, type RetrainerState, rolloutsOf } from '../state/retrainer-state.ts';
import type { StateStore } from '../state/state-store.ts';
import type { DriftWatch } from './drift-watch.ts';
import type { PredictionsTail } from './predictions-tail.ts';
import type { RolloutJobs } from './rollout-jobs.ts';
import type { ServingReader } from './serving-reader.ts';
import type { ShadowReader } from './shadow-reader.ts';

export interface RetrainerLoopOptions {
  observe(): Promise<Platform>;
  store: StateStore;
  tail: PredictionsTail;
  drift: DriftWatch;
  jobs: RolloutJobs;
  shadow: ShadowReader;
  serving: ServingReader;
  limits: Limits & RolloutLimits & WatchLimits;
  everyMs: number;
  /** Of drift. */
  roundMs: number;
  metrics: Metrics;
  logger: Logger;
  now(): number;
}

/** A report of drift is fresh for so many looks, which may take long or fail, and for this time in any case. */
const LOOKS_FRESH = 5;
const LEAST_FRESH_MS = 60_000;

/** What the last look found. */
export interface Look {
  at: number;
  leads: boolean;
  situation: Situation;
  decision: Decision;
}

/**
 * Looks again and again: read what was predicted → take up what people ask → move the rollout on, or look for a reason
 * to begin one → store → have done what the stored state asks for. What is to be done follows from the stored state
 * alone, and doing it twice changes nothing: after a crash the next look, of whatever replica, goes on where this one
 * was.
 */
export class RetrainerLoop {
  readonly #options: RetrainerLoopOptions;
  #state: RetrainerState = emptyState();
  #last: Look | undefined;
  #error: Error | undefined = new Error('has not looked yet');
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: RetrainerLoopOptions) {
    this.#options = options;
  }

  get last(): Look | undefined {
    return this.#last;
  }

  get state(): RetrainerState {
    return this.#state;
  }

  /** null while nothing serves. */
  get drift(): Drift | null {
    const { drift, roundMs } = this.#options;
    return drift.report === undefined ? null : driftReport(drift.report, this.#state.check, roundMs);
  }

  start(): void {
    this.#looking = this.#look().finally(() => {
      if (!this.#isStopped) this.#timer = setTimeout(() => this.start(), this.#options.everyMs);
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
    await this.#options.store.leave();
  }

  /** Throws why there can be no look. */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  async #look(): Promise<void> {
    const { store, logger } = this.#options;
    try {
      const { leads, isNew } = await store.lead();
      if (isNew) logger.info('leads now');
      // What was not committed is void, whoever led meanwhile.
      if (!leads || isNew || this.#error !== undefined) this.#state = await store.read();
      const platform = await this.#options.observe();
      if (leads) await this.#lead(platform);
      else this.#lookOn(platform);
      if (platform.unverified !== undefined) throw platform.unverified.error;
      this.#error = undefined;
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      if (failure.message !== this.#error?.message && !(error instanceof LeaseLostError)) {
        logger.warn({ err: failure }, 'could not look');
      }
      this.#error = failure;
    }
  }

  async #lead(platform: Platform): Promise<void> {
    const { store, drift, jobs, everyMs, now } = this.#options;
    const state = this.#state;
    const stepsBefore = new Map(rolloutsOf(state).map(({ id, steps }) => [id, steps.length]));
    await this.#readPredictions(platform);
    const { requests, taken } = await store.requests();
    applyRequests(state, requests, pointerOf(platform), now());
    await this.#moveOn(platform);
    if (platform.unverified === undefined) {
      const decision = this.#note(platform, true);
      if (decision.action === 'train') this.#begin(decision, platform);
    }
    if (platform.production !== undefined) await drift.checkIfDue(platform.production.manifest, state);
    this.#measure(platform);
    const freshForMs = Math.max(LEAST_FRESH_MS, LOOKS_FRESH * everyMs);
    await store.commit(state, taken, { at: now(), freshForMs, drift: this.drift });
    this.#tell(stepsBefore);
    if (state.rollout !== null) await jobs.ensure(state.rollout, pointerOf(platform)?.release ?? null);
  }

  /** So that every replica can tell how things are. */
  #lookOn(platform: Platform): void {
    if (platform.production !== undefined) this.#options.drift.follow(platform.production.manifest, this.#state);
    if (platform.unverified === undefined) this.#note(platform, false);
    this.#measure(platform);
  }

  async #readPredictions({ production }: Platform): Promise<void> {
    const { tail, drift, limits } = this.#options;
    const state = this.#state;
    if (production !== undefined) drift.follow(production.manifest, state);
    await tail.read(state.cursors, (records) => {
      drift.take(records);
      if (state.watch !== null) watchRecords(state.watch, records, limits);
    });
    if (state.watch !== null) Object.assign(state.watch, await this.#strain(state.watch.release));
  }

  async #moveOn(platform: Platform): Promise<void> {
    const { observe, jobs, shadow, limits, now } = this.#options;
    const state = this.#state;
    const before = state.rollout;
    if (before === null) return;
    const jobFacts = await jobs.facts(before, pointerOf(platform)?.release ?? null);
    // What a move has done shows only in pointers that were read after it.
    const seen = jobFacts.move?.state === 'done' ? await observe() : platform;
    const rollout = advance(
      before,
      {
        now: now(),
        production: pointerOf(seen)?.release ?? null,
        shadow: seen.shadow,
        ...jobFacts,
        shadowCounts: await shadow.counts(before.challenger, before.champion),
        watch: watchVerdict(state.watch, limits),
      },
      limits,
    );
    if (rollout === before) return;
    state.rollout = rollout;
    if (rollout.phase === 'watching') {
      const { challenger } = rollout;
      state.watch = newWatch(challenger!, { ...(await this.#strain(challenger!)), sinceMs: now() });
    }
    closeRollout(state);
  }

  /** Logs and counts what has come to the steps of rollouts, once it is stored. */
  #tell(stepsBefore: ReadonlyMap<string, number>): void {
    const { logger, metrics } = this.#options;
    for (const { id, challenger, steps } of rolloutsOf(this.#state)) {
      for (const { step, because } of steps.slice(stepsBefore.get(id) ?? 0)) {
        logger.info({ rollout: id, challenger, step, because }, 'rollout goes on');
        metrics.rolloutSteps.labels(step).inc();
      }
    }
  }

  /** How hard a release is for the predictor. */
  async #strain(release: string): Promise<Pick<WatchState, 'lagMs' | 'failures'>> {
    const { tail, serving } = this.#options;
    const [lagMs, failures] = await Promise.all([tail.predictorLagMs(), serving.counts(release)]);
    return { lagMs, failures };
  }

  /** Looks at the rules; what comes of it is shown, and acted on by the leader alone. */
  #note(platform: Platform, leads: boolean): Decision {
    const { limits, logger, metrics, now } = this.#options;
    const situation = this.#situation(platform);
    const decision = decide(situation, limits);
    if (leads) {
      metrics.decisions.labels(decision.reason).inc();
      if (decision.reason !== this.#last?.decision.reason) logger.info({ ...decision }, 'decision changed');
    }
    metrics.trainingRows.set(situation.rows);
    metrics.trainingUsers.set(situation.users);
    this.#last = { at: now(), leads, situation, decision };
    return decision;
  }

  #situation({ production, rows, users, isTraining, verdicts }: Platform): Situation {
    const { drift, now } = this.#options;
    const { rollout, ended, paused, request } = this.#state;
    const report = drift.report;
    return {
      now: now(),
      production: production && {
        release: production.pointer.release,
        provisional: production.manifest.provisional,
        createdAt: Date.parse(production.manifest.createdAt),
        spanMs: production.manifest.trainingData.toTs - production.manifest.trainingData.fromTs,
      },
      rows,
      users,
      isTraining: isTraining || rollout !== null,
      isPaused: paused !== null,
      lastEndedAt: ended.at(-1)?.endedAt ?? undefined,
      failedInARow: failedInARow(ended),
      hasGoneBack: ended.at(-1)?.outcome === 'rolled-back',
      request: request === null ? undefined : { by: request.by, because: request.because },
      drift: report && {
        isAlarm: report.martingale.isAlarm,
        effect: report.alerts.effect,
        sinceTs: report.martingale.sinceTs,
        rowsSinceChange: report.rowsSinceChange,
        spanMs: Math.max(0, (report.window.toTs ?? 0) - (report.martingale.sinceTs ?? Number.POSITIVE_INFINITY)),
      },
      verdicts: verdicts && precisionCounts(verdicts),
    };
  }

  #begin({ reason, because, sinceTs }: Extract<Decision, { action: 'train' }>, { production }: Platform): void {
    const { metrics, now } = this.#options;
    const state = this.#state;
    const request = reason === 'manual' ? state.request : null;
    const hasServed = state.ended.some(({ outcome }) => outcome === 'promoted');
    const isFirst = production === undefined || (production.manifest.provisional && !hasServed);
    const at = now();
    const rollout: Rollout = newRollout(
      {
        id: `${reason}-${at}`,
        reason,
        because,
        requestedBy: request?.by ?? 'auto-retrainer',
        rows: request?.rows ?? (sinceTs === undefined ? {} : { sinceTs }),
        skips: isFirst ? 'everything' : request?.skipsGate ? 'gate and shadow' : 'nothing',
        champion: production?.pointer.release ?? null,
      },
      at,
    );
    state.rollout = rollout;
    if (request !== null) state.request = null;
    metrics.requests.labels(reason).inc();
  }

  #measure({ production, verdicts }: Platform): void {
    const { drift, metrics, limits } = this.#options;
    const { rollout, check } = this.#state;
    metrics.alertBudget.set(limits.anomalyAlertRate);
    metrics.rolloutRunning.set(rollout === null ? 0 : 1);
    metrics.rollingBack.set(rollout?.phase === 'rolling-back' ? 1 : 0);
    metrics.precisionFloor.set(limits.precisionFloor);
    metrics.maxAge.set(limits.maxAgeMs / 1000);
    metrics.driftPValueThreshold.set(WINDOW_RATE);
    metrics.stabilityLimit.set(STABILITY_LIMITS.much);
    for (const verdict of VERDICTS) metrics.judgedAnomalies.labels(verdict).set(verdicts?.[verdict] ?? 0);
    if (production !== undefined) metrics.productionSince.set(Date.parse(production.pointer.since) / 1000);
    const report = drift.report;
    if (report === undefined) return;
    metrics.martingale.set(report.martingale.logValue);
    metrics.martingaleHighest.set(report.martingale.logHighest);
    metrics.martingaleThreshold.set(report.martingale.logThreshold);
    metrics.driftVectors.set(report.window.vectors);
    metrics.alertRate.set(report.alerts.rate);
    metrics.alertRateLow.set(report.alerts.low);
    metrics.alertRateHigh.set(report.alerts.high);
    metrics.rowsSinceChange.set(report.rowsSinceChange);
    metrics.scoreDistance.set(report.scores.statistic);
    metrics.scorePValue.set(report.scores.pValue);
    metrics.windowStart.set((report.window.fromTs ?? 0) / 1000);
    metrics.windowEnd.set((report.window.toTs ?? 0) / 1000);
    if (check === null || check.release !== report.release) {
      metrics.dropCheck();
      return;
    }
    metrics.checkedAt.set(check.at / 1000);
    metrics.mmdPValue.set(check.drift.mmd.pValue);
    for (const { feature, ks, wasserstein, populationStability, missingRate } of check.drift.features) {
      const tests = { ks, wasserstein, 'population-stability': populationStability, 'missing-rate': missingRate };
      for (const [test, { value, adjustedPValue }] of Object.entries(tests)) {
        metrics.featureDrift.labels(feature, test).set(value);
        metrics.featureDriftPValue.labels(feature, test).set(adjustedPValue);
      }
    }
  }
}
