import type { ModelStore } from '@liminal/shared/adapters/model-store';
import type { PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { ReleaseManifest } from '@liminal/shared/contracts/release';
import { ReleaseError } from '@liminal/shared/release/release-errors';
import type { Logger } from 'pino';
import { DriftMonitor, type DriftReport } from '../drift/drift-monitor.ts';
import { independentCalibrationRows, releaseReference } from '../drift/release-reference.ts';
import type { Sample } from '../drift/sample.ts';
import { DEFAULT_WINDOW_CHECK } from '../drift/window-check.ts';
import { checkWindowInThread } from '../drift/window-check-in-thread.ts';
import type { RetrainerState } from '../state/retrainer-state.ts';

export interface DriftWatchOptions {
  store: ModelStore;
  roundMs: number;
  checkEveryMs: number;
  falseAlarmRate: number;
  anomalyAlertRate: number;
  logger: Logger;
  now(): number;
}

/** Fewer vectors than this in window or reference tell nothing by themselves. */
const FEWEST_ROWS = 30;

/** Drift of the release that serves: follows its predictions, and compares windows with its reference now and then. */
export class DriftWatch {
  readonly #options: DriftWatchOptions;
  #monitor: DriftMonitor | undefined;
  #reference: { release: string; sample: Sample | undefined } | undefined;

  constructor(options: DriftWatchOptions) {
    this.#options = options;
  }

  /** Undefined while nothing serves. */
  get report(): DriftReport | undefined {
    return this.#monitor?.report();
  }

  /** Makes `manifest` the release that is followed, and goes on from what `state` holds of it. */
  follow(manifest: ReleaseManifest, state: RetrainerState): void {
    if (this.#monitor !== undefined && this.#monitor.state === state.drift && state.drift.release === manifest.id)
      return;
    const { roundMs, anomalyAlertRate: alertRate, falseAlarmRate } = this.#options;
    const calibrationRows = independentCalibrationRows(manifest);
    const options = { release: manifest.id, calibrationRows, roundMs, alertRate, falseAlarmRate };
    if (state.drift !== null && state.drift.release !== manifest.id) {
      // A release that is gone back to goes on with what was known of it: drift that is under way would look normal else.
      [state.drift, state.driftBefore] = [state.driftBefore, state.drift];
    }
    this.#monitor = new DriftMonitor(options, state.drift ?? undefined);
    state.drift = this.#monitor.state;
  }

  take(records: readonly PredictionRecord[]): void {
    this.#monitor?.add(records);
  }

  /** Compares the window with the reference when that is due, and keeps the result in `state`. */
  async checkIfDue(manifest: ReleaseManifest, state: RetrainerState): Promise<void> {
    const { checkEveryMs, logger, now } = this.#options;
    const { check } = state;
    if (this.#monitor === undefined) return;
    if (check !== null && check.release === manifest.id && now() - check.at < checkEveryMs) return;
    const window = this.#monitor.window();
    const reference = await this.#referenceOf(manifest);
    if (reference === undefined) return;
    if (window.rows < FEWEST_ROWS || reference.rows < FEWEST_ROWS) return;
    const options = { ...DEFAULT_WINDOW_CHECK, seed: now() % 0x1_0000_0000 };
    const drift = await checkWindowInThread({ reference, window, options });
    state.check = { at: now(), release: manifest.id, referenceRows: reference.rows, windowRows: window.rows, drift };
    logger.debug({ release: manifest.id, windowRows: window.rows }, 'window compared with the reference');
  }

  /** A reference that can't be read is logged once and compared with no more: the martingale does without it. */
  async #referenceOf(manifest: ReleaseManifest): Promise<Sample | undefined> {
    const { store, logger } = this.#options;
    if (this.#reference?.release !== manifest.id) {
      let sample: Sample | undefined;
      try {
        sample = await releaseReference(store, manifest);
      } catch (error) {
        if (!(error instanceof ReleaseError)) throw error;
        logger.error({ err: error, release: manifest.id }, 'rows to compare windows with can not be read');
      }
      this.#reference = { release: manifest.id, sample };
    }
    return this.#reference.sample;
  }
}
