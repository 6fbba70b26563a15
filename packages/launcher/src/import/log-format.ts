import type { Line } from './lines.ts';

/** What a line holds: events that are still to be checked against the schema, or the reason why it holds none. */
export type ParsedLine = { events: unknown[] } | { skipped: string };

/** Reads the lines of one file in their order; may remember earlier lines. Never throws. */
export interface LineParser {
  parse(line: string): ParsedLine;
}

export interface SurveyContext {
  /** Year of the first line, for logs whose times have none. Inferred when undefined. */
  year: number | undefined;
  /** What the clock of the log's machine is ahead of UTC, in ms, for logs whose times have no zone. 0 unless given. */
  utcOffsetMs?: number | undefined;
  /** Wall-clock time in ms: no line of a log is later. */
  now: number;
}

/** What has to be known of a file before its first line is read. */
export interface Survey {
  /** Time of the first line that has one, in ms; undefined when none has. */
  firstTimeMs: number | undefined;
  createParser(): LineParser;
}

export interface LogFormat {
  /** As shown to people. */
  readonly name: string;
  /** Whether a line looks like one of this format; it need not hold an event. */
  recognises(line: string): boolean;
  /** Reads as many lines as it must. */
  survey(lines: AsyncIterable<Line>, context: SurveyContext): Promise<Survey>;
}

/** The survey of formats whose lines say their whole time: reads up to the first time. */
export async function surveyUpToFirstTime(
  lines: AsyncIterable<Line>,
  timeOf: (line: string) => number | undefined,
): Promise<number | undefined> {
  for await (const { text } of lines) {
    const time = text === undefined ? undefined : timeOf(text);
    if (time !== undefined) return time;
  }
  return undefined;
}
