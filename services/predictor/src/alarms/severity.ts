import type { Severity } from '@liminal/shared/contracts/prediction';

/** An anomaly of a tenth of the alarm rate wakes someone. */
const CRITICAL_SHARE = 0.1;

/**
 * How much a combined p-value matters at the operator's alarm rate. A provisional release has not seen this platform,
 * so by itself it never makes a critical.
 */
export function severityOf(pValue: number, alertRate: number, isProvisional: boolean): Severity {
  if (pValue > alertRate) return 'none';
  return pValue <= alertRate * CRITICAL_SHARE && !isProvisional ? 'critical' : 'warning';
}
