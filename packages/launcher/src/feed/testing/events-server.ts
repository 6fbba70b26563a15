import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type Event, eventSchema } from '@liminal/shared/contracts/event';

/** Answers a call instead of taking it. */
export type Interruption = (response: ServerResponse, request: IncomingMessage) => void;

/** Takes `POST /events` over a real socket with the backend's contract, and misbehaves as told. */
export class EventsServer implements AsyncDisposable {
  /** Events taken, in their order; an id counts once. */
  readonly events: Event[] = [];
  /** Sizes of all calls, taken or not. */
  readonly callSizes: number[] = [];
  /** Each answers one of the next calls. */
  readonly interruptions: Interruption[] = [];
  /** The reason to refuse an event, if there is one. */
  refuse: (event: Event) => string | undefined = () => undefined;
  /** Takes the next call and cuts the connection instead of answering. */
  losesNextAnswer = false;
  onCall: () => void = () => {};
  readonly #ids = new Set<string>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<EventsServer> {
    const server = new EventsServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await text(request));
    const events = eventSchema.array().parse(body);
    this.callSizes.push(events.length);
    this.onCall();
    const interruption = this.interruptions.shift();
    if (interruption) return interruption(response, request);
    for (const [index, event] of events.entries()) {
      const reason = this.refuse(event);
      if (reason) return json(response, 400, { error: { message: 'no', details: { index, path: 'ts', reason } } });
    }
    const fresh = events.filter(({ id }) => id === undefined || !this.#ids.has(id));
    for (const { id } of fresh) if (id !== undefined) this.#ids.add(id);
    this.events.push(...fresh);
    if (this.losesNextAnswer) {
      this.losesNextAnswer = false;
      request.socket.destroy();
    } else json(response, 202, { accepted: fresh.length, duplicates: events.length - fresh.length });
  }
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
