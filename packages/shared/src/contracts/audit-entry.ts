import { z } from 'zod';
import { UndecodableError } from './undecodable-error.ts';

export const AUDITED = ['verdict', 'suppression', 'threshold'] as const;
export const AUDIT_ACTIONS = ['create', 'change', 'end', 'reset'] as const;
/** The author of what follows from verdicts by itself. */
export const AUTOMATIC_AUTHOR = 'liminal';

/** Who changed what, from what to what. Written in the same step as the change itself, and never changed. */
export const auditEntrySchema = z.object({
  at: z.int().describe('ms since the epoch'),
  author: z
    .string()
    .describe(`Who changed it; ${AUTOMATIC_AUTHOR} where it followed from verdicts or from time passing`),
  automatic: z.boolean(),
  entity: z.enum(AUDITED),
  action: z.enum(AUDIT_ACTIONS),
  subject: z.string().describe('Id of the anomaly or of the rule; of a threshold, `global` or `user:<name>`'),
  user: z.string().nullable().describe('The user whom it is about; null = nobody in particular'),
  because: z.string(),
  before: z.unknown().describe('null = there was nothing'),
  after: z.unknown(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

/** Throws `UndecodableError` on anything else than the suite writes. */
export function decodeAuditEntry(text: string): AuditEntry {
  try {
    return auditEntrySchema.parse(JSON.parse(text));
  } catch (error) {
    throw new UndecodableError('audit entry is not of this version', { cause: error });
  }
}
