import type { ShadowCounts } from '@liminal/shared/contracts/shadow-counts';

export interface ShadowLimits {
  /** Vectors after which a shadow is judged. */
  shadowVectors: number;
  /** It is judged after this time at the latest, or when there are enough vectors to say anything. */
  shadowMs: number;
  /** Share of normal vectors that may alarm. */
  anomalyAlertRate: number;
}

/** Fewest vectors to judge by, where `SHADOW_VECTORS` are not fewer; and how many times as long they are waited for. */
const FEWEST_VECTORS = 200;
const LONGEST_SHADOW = 4;
/** A shadow may alarm so many times as often as was set, or so many times as often as what serves. */
const ALARM_FACTOR = 2;
const SERVING_FACTOR = 1.25;
/** A shadow may take so many times as long as what serves. */
const TIME_FACTOR = 3;
/** Share of the vectors that a shadow may fail on. */
const FAILURE_SHARE = 0.001;

/** Whether a shadow is good enough to serve; undefined while it has not seen enough. */
export function shadowVerdict(
  counts: ShadowCounts,
  elapsedMs: number,
  { shadowVectors, shadowMs, anomalyAlertRate }: ShadowLimits,
): { passed: boolean; because: string } | undefined {
  const { vectors, alarms, productionAlarms, disagreements, failures } = counts;
  const fewest = Math.min(FEWEST_VECTORS, shadowVectors);
  if (vectors < shadowVectors && elapsedMs < (vectors < fewest ? LONGEST_SHADOW * shadowMs : shadowMs)) {
    return undefined;
  }
  if (vectors < fewest) {
    const minutes = (elapsedMs / 60_000).toFixed(0);
    return { passed: false, because: `${vectors} vectors in ${minutes} min, ${fewest} are needed to judge by` };
  }
  const rate = alarms / vectors;
  const productionRate = productionAlarms / vectors;
  const told =
    `alarms on ${percent(rate)} of ${vectors} vectors where ${percent(productionRate)} alarmed, ` +
    `otherwise than what serves on ${percent(disagreements / vectors)}`;
  if (failures > FAILURE_SHARE * vectors)
    return { passed: false, because: `failed on ${failures} of ${vectors} vectors` };
  if (rate > Math.max(ALARM_FACTOR * anomalyAlertRate, SERVING_FACTOR * productionRate)) {
    return { passed: false, because: told };
  }
  const slower = counts.shadowMicroseconds / Math.max(counts.productionMicroseconds, 1);
  if (slower > TIME_FACTOR)
    return { passed: false, because: `takes ${slower.toFixed(1)} times as long as what serves` };
  return { passed: true, because: told };
}

const percent = (share: number): string => `${(100 * share).toFixed(2)}%`;
