import { eventSchema, eventTimeMs } from '@liminal/shared/contracts/event';
import { type LogFormat, type ParsedLine, surveyUpToFirstTime } from './log-format.ts';

/** Events as `POST /events` takes them, one JSON object a line (NDJSON). */
export const eventLines: LogFormat = {
  name: 'NDJSON events',
  recognises: (line) => parseObject(line) !== undefined,
  survey: async (lines) => ({
    firstTimeMs: await surveyUpToFirstTime(lines, (line) => {
      const event = eventSchema.safeParse(parseObject(line));
      return event.success ? eventTimeMs(event.data) : undefined;
    }),
    createParser: () => ({ parse: parseEventLine }),
  }),
};

function parseEventLine(line: string): ParsedLine {
  const event = parseObject(line);
  return event === undefined ? { skipped: 'not a JSON object' } : { events: [event] };
}

function parseObject(line: string): object | undefined {
  if (!line.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as object;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
