import { accessLog } from './access-log.ts';
import { authLog } from './auth-log.ts';
import { eventLines } from './event-lines.ts';
import type { Line } from './lines.ts';
import type { LogFormat } from './log-format.ts';

export const LOG_FORMATS: readonly LogFormat[] = [accessLog, authLog, eventLines];

/** Lines that vote. */
const SAMPLE_LINES = 50;

/**
 * The format that most of the first lines have. When none of them has a known one, that of the first line that has;
 * undefined when no line of the file has.
 */
export async function detectFormat(lines: AsyncIterable<Line>): Promise<LogFormat | undefined> {
  const votes = new Map<LogFormat, number>();
  for await (const { number, text } of lines) {
    const format = text === undefined ? undefined : LOG_FORMATS.find((candidate) => candidate.recognises(text));
    if (format) votes.set(format, (votes.get(format) ?? 0) + 1);
    if (number >= SAMPLE_LINES && votes.size > 0) break;
  }
  return LOG_FORMATS.filter((format) => votes.has(format)).sort((a, b) => votes.get(b)! - votes.get(a)!)[0];
}
