import { type StreamEntry, toEntry } from '@liminal/shared/adapters/stream-worker';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';

/** Entries of a stream that one query looks at: a filter that matches rarely gets its next page by the cursor. */
const SCAN_LIMIT = 10_000;
const SCAN_STEP = 500;

export interface Page<Item> {
  /** Newest first. May hold fewer than asked for, or none, although there is a next page. */
  items: Item[];
  /** `before` of the next page; null = this was the last one. */
  next: string | null;
}

export interface PageQuery<Item> {
  limit: number;
  /** Stream id: only older entries. */
  before?: string | undefined;
  /** Throws `UndecodableError`: such an entry must not hide all others. */
  decode(entry: StreamEntry): Item;
  matches(item: Item): boolean;
}

/** Reads a stream from its new end, filtered. */
export async function readPage<Item>(
  redis: Redis,
  key: string,
  { limit, before, decode, matches }: PageQuery<Item>,
  logger: Logger,
): Promise<Page<Item>> {
  const items: Item[] = [];
  let last = before;
  for (let scanned = 0; scanned < SCAN_LIMIT; scanned += SCAN_STEP) {
    const end = last === undefined ? '+' : `(${last}`;
    const entries = (await redis.xrevrangeBuffer(key, end, '-', 'COUNT', SCAN_STEP)).map(toEntry);
    for (const entry of entries) {
      last = entry.id;
      const item = decodedOrLogged(entry, decode, key, logger);
      if (item === undefined || !matches(item)) continue;
      items.push(item);
      if (items.length === limit) return { items, next: last };
    }
    if (entries.length < SCAN_STEP) return { items, next: null };
  }
  return { items, next: last ?? null };
}

function decodedOrLogged<Item>(
  entry: StreamEntry,
  decode: PageQuery<Item>['decode'],
  key: string,
  logger: Logger,
): Item | undefined {
  try {
    return decode(entry);
  } catch (error) {
    if (!(error instanceof UndecodableError)) throw error;
    logger.warn({ err: error, id: entry.id, stream: key }, 'entry can not be read and is left out');
    return undefined;
  }
}
