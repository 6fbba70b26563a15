import type { AnomalySubject } from '@liminal/shared/contracts/anomaly-entry';
import { anomalyId } from '@liminal/shared/contracts/prediction-batch';
import { evidenceOf } from './evidence.ts';
import type { Contribution } from './incident.ts';

/** What an anomaly of a user adds to its incidents: the same whenever it is asked for. */
export function contributionOf({ record }: Extract<AnomalySubject, { entity: 'user' }>): Contribution {
  const { user, ts, severity, pValue } = record;
  return { anomaly: anomalyId(record), user, ts, severity, evidence: evidenceOf(pValue) };
}
