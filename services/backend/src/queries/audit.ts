import { type AuditEntry, decodeAuditEntry } from '@liminal/shared/contracts/audit-entry';
import { auditKey } from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { type Page, readPage } from './stream-pages.ts';

export interface AuditQuery {
  limit: number;
  before?: string | undefined;
  author?: string | undefined;
  entity?: AuditEntry['entity'] | undefined;
  action?: AuditEntry['action'] | undefined;
  subject?: string | undefined;
  user?: string | undefined;
  automatic?: boolean | undefined;
  from?: number | undefined;
  to?: number | undefined;
}

export interface NumberedAuditEntry extends AuditEntry {
  id: string;
}

/** What was changed, newest first. */
export function findAudit(redis: Redis, query: AuditQuery, logger: Logger): Promise<Page<NumberedAuditEntry>> {
  const { limit, author, entity, action, subject, user, automatic, from, to } = query;
  const isWanted = <Value>(wanted: Value | undefined, value: Value): boolean =>
    wanted === undefined || wanted === value;
  return readPage(
    redis,
    auditKey,
    {
      limit,
      before: query.before,
      decode: ({ id, fields }) => ({ id, ...decodeAuditEntry(fields.get('j')?.toString() ?? '') }),
      matches: (entry) =>
        isWanted(author, entry.author) &&
        isWanted(entity, entry.entity) &&
        isWanted(action, entry.action) &&
        isWanted(subject, entry.subject) &&
        isWanted<string | null>(user, entry.user) &&
        isWanted(automatic, entry.automatic) &&
        (from === undefined || entry.at >= from) &&
        (to === undefined || entry.at < to),
    },
    logger,
  );
}
