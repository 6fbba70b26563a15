import type { AuditEntry } from '@liminal/shared/contracts/audit-entry';
import type { Suppression } from '@liminal/shared/contracts/suppression';

/** What the audit log says of a rule that is new, or that has changed from `before`. */
export function suppressionAudit(
  before: Suppression | undefined,
  after: Suppression,
  who: Pick<AuditEntry, 'at' | 'author' | 'automatic' | 'because'>,
): AuditEntry {
  const action = before === undefined ? 'create' : after.ended === null ? 'change' : 'end';
  const { id: subject, user } = after;
  return { ...who, entity: 'suppression', action, subject, user, before: before ?? null, after };
}
