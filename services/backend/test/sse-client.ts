import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface SseEvent {
  name: string;
  id: string;
  data: unknown;
}

/** A client of Server-Sent Events that keeps what it gets, and can be told to stop reading. */
export class SseClient {
  readonly events: SseEvent[] = [];
  /** As a browser keeps it: also moved on by blocks without an event. */
  lastEventId = '';
  /** Blocks without an event. */
  marks = 0;
  retryMs: number | undefined;
  isEnded = false;
  readonly #call: ClientRequest;
  readonly #response: IncomingMessage;
  #rest = '';

  private constructor(call: ClientRequest, response: IncomingMessage) {
    this.#call = call;
    this.#response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#take(text));
    response.on('close', () => {
      this.isEnded = true;
    });
    response.on('error', () => {});
  }

  static async open(url: string, lastEventId?: string): Promise<SseClient> {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const call = request(url, { headers, agent: false }).end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`stream was answered ${response.statusCode}`);
    call.on('error', () => {});
    return new SseClient(call, response);
  }

  get anomalies(): string[] {
    return this.events.filter(({ name }) => name === 'anomaly').map(({ id }) => id);
  }

  named(name: string): SseEvent[] {
    return this.events.filter((event) => event.name === name);
  }

  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  close(): void {
    this.#call.destroy();
  }

  async until(what: string, condition: (client: SseClient) => boolean, timeoutMs = 30_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!condition(this)) {
      if (performance.now() > deadline) throw new Error(`the stream did not come to: ${what}`);
      await sleep(10);
    }
  }

  #take(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop()!;
    for (const block of blocks) this.#block(new Map(block.split('\n').map(field)));
  }

  #block(fields: ReadonlyMap<string, string>): void {
    this.lastEventId = fields.get('id') ?? this.lastEventId;
    const retry = fields.get('retry');
    if (retry !== undefined) this.retryMs = Number(retry);
    const data = fields.get('data');
    if (data === undefined) this.marks++;
    else {
      this.events.push({ name: fields.get('event') ?? 'message', id: this.lastEventId, data: JSON.parse(data) });
    }
  }
}

function field(line: string): [string, string] {
  const colon = line.indexOf(': ');
  return [line.slice(0, colon), line.slice(colon + 2)];
}
