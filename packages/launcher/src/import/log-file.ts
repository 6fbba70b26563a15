import { createHash } from 'node:crypto';
import { type Event, eventSchema } from '@liminal/shared/contracts/event';
import { detectFormat } from './detect-format.ts';
import { fileSize, type ReadBytesOptions, readBytes } from './file-bytes.ts';
import { MAX_LINE_BYTES, readLines } from './lines.ts';
import type { LineParser, SurveyContext } from './log-format.ts';

const FINGERPRINT_BYTES = 64 * 1024;
const FINGERPRINT_HEX_DIGITS = 12;

/** What one line gave: one entry an event, or one with the reason why there is none. */
export type ImportedEntry = { line: number; event: Event } | { line: number; skipped: string };

export interface LogFile {
  readonly path: string;
  /** Bytes on disk. */
  readonly sizeBytes: number;
  /** As shown to people; undefined when no line has a known format. */
  readonly format: string | undefined;
  /** Time of its first line that has one, in ms. */
  readonly firstTimeMs: number | undefined;
  /** Reads the file from its beginning, line by line. Only an unreadable file makes it throw, never a line. */
  entries(options?: Pick<ReadBytesOptions, 'onBytes'>): AsyncGenerator<ImportedEntry>;
}

const UNKNOWN_FORMAT: LineParser = { parse: () => ({ skipped: 'no line of the file has a known format' }) };

/**
 * Finds out what kind of log a file is. Events without an id get `<fingerprint>:<line>`, with `.1`, `.2`, … behind it
 * where a line holds several: the same for every import of the same log, packed or not.
 * Throws ImportError when the file can't be read.
 */
export async function openLogFile(path: string, context: SurveyContext): Promise<LogFile> {
  const sizeBytes = await fileSize(path);
  const fingerprint = await fingerprintOf(path);
  const format = await detectFormat(readLines(readBytes(path)));
  const survey = await format?.survey(readLines(readBytes(path)), context);
  return {
    path,
    sizeBytes,
    format: format?.name,
    firstTimeMs: survey?.firstTimeMs,
    entries: (options = {}) => readEntries(path, fingerprint, survey?.createParser() ?? UNKNOWN_FORMAT, options),
  };
}

/** In the order of their first times, which is the order to feed them in; files without a time come last. */
export function byFirstTime(a: LogFile, b: LogFile): number {
  const first = a.firstTimeMs ?? Number.MAX_SAFE_INTEGER;
  const second = b.firstTimeMs ?? Number.MAX_SAFE_INTEGER;
  return first - second;
}

async function* readEntries(
  path: string,
  fingerprint: string,
  parser: LineParser,
  options: ReadBytesOptions,
): AsyncGenerator<ImportedEntry> {
  let isDamaged = false;
  let lastLine = 0;
  const onDamage = (): void => {
    isDamaged = true;
  };
  for await (const { number, text } of readLines(readBytes(path, { ...options, onDamage }))) {
    lastLine = number;
    yield* entriesOf(number, text, fingerprint, parser);
  }
  if (isDamaged) yield { line: lastLine, skipped: 'the compressed file is damaged or cut off from here on' };
}

function* entriesOf(
  line: number,
  text: string | undefined,
  fingerprint: string,
  parser: LineParser,
): Generator<ImportedEntry> {
  if (text === undefined) {
    yield { line, skipped: `longer than ${MAX_LINE_BYTES / 1024} KB` };
    return;
  }
  if (text.trim() === '') {
    yield { line, skipped: 'blank' };
    return;
  }
  const parsed = parser.parse(text);
  if ('skipped' in parsed) {
    yield { line, skipped: parsed.skipped };
    return;
  }
  const { events } = parsed;
  for (const [index, event] of events.entries()) {
    const result = eventSchema.safeParse(event);
    if (result.success) {
      const id = `${fingerprint}:${line}${events.length > 1 ? `.${index + 1}` : ''}`;
      yield { line, event: { ...result.data, id: result.data.id ?? id } };
    } else {
      const issue = result.error.issues[0]!;
      yield { line, skipped: `field "${issue.path.join('.')}": ${issue.message}` };
    }
  }
}

async function fingerprintOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  let left = FINGERPRINT_BYTES;
  for await (const chunk of readBytes(path)) {
    hash.update(chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) break;
  }
  return hash.digest('hex').slice(0, FINGERPRINT_HEX_DIGITS);
}
