import type { GateReport } from '@liminal/shared/contracts/gate';

/**
 * A release that serves already may lose so much of the AUROC of injected anomalies: three times what the gate lets pass,
 * since a person wanted it.
 */
const SEPARATION_LOSS = 0.15;

/** Why a release that serves no longer finds what the one before it found; null when it does, or nothing was measured. */
export function blindness({ checks }: GateReport): string | null {
  const separation = checks.find(({ check }) => check === 'separation');
  if (separation === undefined || separation.challenger === null || separation.champion === null) return null;
  const { challenger, champion } = separation;
  if (challenger >= champion - SEPARATION_LOSS) return null;
  return (
    `tells injected anomalies apart with an AUROC of ${challenger.toFixed(3)} ` +
    `where ${champion.toFixed(3)} was reached before`
  );
}
