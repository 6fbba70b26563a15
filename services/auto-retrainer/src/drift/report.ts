import type { Drift } from '@liminal/shared/contracts/drift-report';
import type { StoredCheck } from '../state/retrainer-state.ts';
import type { DriftReport } from './drift-monitor.ts';

/** Looks at windows call a feature moved at this rate of false finds. */
export const WINDOW_RATE = 0.05;
/** Limits of the population stability index that are in common use (Siddiqi 2006): some, and much. */
export const STABILITY_LIMITS = { some: 0.1, much: 0.25 };

/** `newestCheck`: the newest comparison of a window, of whatever release. */
export function driftReport(drift: DriftReport, newestCheck: StoredCheck | null, roundMs: number): Drift {
  const check = newestCheck?.release === drift.release ? newestCheck : null;
  return {
    ...drift,
    isDrift: drift.martingale.isAlarm,
    effect: drift.alerts.effect,
    window: { ...drift.window, roundMs },
    check: check && {
      at: check.at,
      referenceRows: check.referenceRows,
      windowRows: check.windowRows,
      thresholds: { adjustedPValue: WINDOW_RATE, populationStability: STABILITY_LIMITS },
      features: check.drift.features.map((tests) => {
        const { ks, wasserstein, populationStability, missingRate } = tests;
        const all = [ks, wasserstein, populationStability, missingRate];
        return { ...tests, hasMoved: all.some(({ adjustedPValue }) => adjustedPValue <= WINDOW_RATE) };
      }),
      mmd: check.drift.mmd,
    },
  };
}
