import type { Redis } from 'ioredis';
import { verdictsKey } from '../contracts/keys.ts';
import { UndecodableError } from '../contracts/undecodable-error.ts';
import { decodeJudgedAnomaly, type JudgedAnomaly } from '../contracts/verdict.ts';
import { toEntry } from './stream-worker.ts';

const PAGE = 500;

export interface VerdictLog {
  warn(fields: object, message: string): void;
}

/**
 * Every verdict that came after the stream id `after`, oldest first: of an anomaly the last one counts. What can't be read
 * is logged and left out.
 */
export async function* readVerdicts(
  redis: Redis,
  log: VerdictLog,
  after = '0-0',
): AsyncGenerator<{ id: string; judged: JudgedAnomaly }> {
  for (let last = after; ; ) {
    const entries = await redis.xrangeBuffer(verdictsKey, `(${last}`, '+', 'COUNT', PAGE);
    for (const entry of entries) {
      const { id, fields } = toEntry(entry);
      last = id;
      try {
        yield { id, judged: decodeJudgedAnomaly(fields) };
      } catch (error) {
        if (!(error instanceof UndecodableError)) throw error;
        log.warn({ err: error, id }, 'verdict can not be read and is left out');
      }
    }
    if (entries.length < PAGE) return;
  }
}
