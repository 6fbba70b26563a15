import { z } from 'zod';

/**
 * Where a page ends, for the next one to go on from: opaque to clients, so that what is inside may change. `kind` keeps
 * the cursor of one list from being taken for that of another.
 */
export const encodeCursor = (kind: string, position: unknown): string =>
  Buffer.from(JSON.stringify([kind, position])).toString('base64url');

/** Takes the cursors of `encodeCursor` alone: anything else is a bad request, not an empty page. */
export function cursorSchema<Position extends z.ZodType>(kind: string, position: Position) {
  const decoded = z.tuple([z.literal(kind), position]);
  return z
    .string()
    .max(500)
    .transform((text, context): z.infer<Position> => {
      const parsed = decoded.safeParse(jsonOf(text));
      if (parsed.success && encodeCursor(kind, parsed.data[1]) === text) return parsed.data[1] as z.infer<Position>;
      context.addIssue('must be the next of an earlier page');
      return z.NEVER;
    })
    .describe('next of the page before this one');
}

/** `undefined` where it is no JSON, which no schema takes. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
