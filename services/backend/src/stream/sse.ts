/**
 * Server-Sent Events as text (HTML Living Standard, 9.2). `data` becomes one line of JSON. `id` is what the client sends
 * as `Last-Event-ID` when it comes back.
 */
export const sseEvent = (name: string, id: string, data: unknown): string =>
  `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

/** No event, but a sign of life that moves on where the client resumes: what did not pass its filter is behind it. */
export const sseMark = (id: string): string => `id: ${id}\n\n`;

/** First of all: how long to wait before coming back, and from where. */
export const sseGreeting = (id: string, retryMs: number): string => `retry: ${retryMs}\n${sseMark(id)}`;
