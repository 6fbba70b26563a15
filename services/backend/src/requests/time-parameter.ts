import { z } from 'zod';

const isoTime = z.iso.datetime({ offset: true });

/** A moment in a query: whole ms since the epoch, or ISO 8601 with a zone. Becomes ms. */
export const timeParameter = z.string().transform((text, context): number => {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  if (isoTime.safeParse(text).success) return Date.parse(text);
  context.addIssue('must be milliseconds since the epoch or an ISO 8601 time with a zone, as in 2026-11-23T10:00:00Z');
  return z.NEVER;
});
