import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the benchmark asks of this process, and what it answers: many clients, of which some stop reading. */
export type SseClientsCommand =
  | { do: 'open'; url: string; clients: number; slow: number }
  | { do: 'resume-slow' }
  | { do: 'report'; lastId: string; timeoutMs: number };

export interface SseClientsReport {
  /** Ids of all anomalies of each client, as one hash, in the order of the clients; the slow ones come first. */
  hashes: string[];
  counts: number[];
  /** Slow clients that were ended with an id to resume from. */
  ended: number;
  /** Ms from the writing of an anomaly to its arrival, of every 50th client, since the last report; sorted. */
  latencies: number[];
}

const BLOCK_END = Buffer.from('\n\n');
const ANOMALY = Buffer.from('\nevent: anomaly\n');
const END = Buffer.from('\nevent: end\n');
const OPENING_AT_ONCE = 50;
/** FNV-1a in 53 bits is more than a thousand ids need. */
const hashId = (hash: number, id: string): number => {
  let result = hash;
  for (let index = 0; index < id.length; index++) result = Math.imul(result ^ id.charCodeAt(index), 0x01000193);
  return result >>> 0;
};

/** The hash that a client comes to that has exactly these. */
export const hashOf = (ids: readonly string[]): string => ids.reduce(hashId, 0x811c9dc5).toString(16);

const latencies: number[] = [];

class Client {
  hash = 0x811c9dc5;
  count = 0;
  lastId = '';
  wasEnded = false;
  readonly #url: string;
  readonly #isTimed: boolean;
  #call: ClientRequest | undefined;
  #response: IncomingMessage | undefined;
  #rest: Buffer = Buffer.alloc(0);

  constructor(url: string, isTimed: boolean) {
    this.#url = url;
    this.#isTimed = isTimed;
  }

  async open(): Promise<void> {
    const headers = this.lastId === '' ? {} : { 'last-event-id': this.lastId };
    this.#rest = Buffer.alloc(0);
    this.#call = request(this.#url, { headers, agent: false }).end();
    const [response] = (await once(this.#call, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`stream was answered ${response.statusCode}`);
    this.#call.on('error', () => {});
    response.on('error', () => {});
    response.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#response = response;
  }

  pause(): void {
    this.#response!.pause();
  }

  /** Reads on to the end of its stream, and comes back from its last id. */
  async resume(): Promise<void> {
    const response = this.#response!;
    if (!response.closed) {
      response.resume();
      await once(response, 'close');
    }
    await this.open();
  }

  #take(bytes: Buffer): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let start = 0;
    for (let end = all.indexOf(BLOCK_END); end >= 0; end = all.indexOf(BLOCK_END, start)) {
      this.#block(all.subarray(start, end));
      start = end + BLOCK_END.length;
    }
    this.#rest = all.subarray(start);
  }

  #block(block: Buffer): void {
    const at = block.indexOf('id: ');
    const lineEnd = block.indexOf(10, at);
    this.lastId = block.toString('latin1', at + 4, lineEnd < 0 ? block.length : lineEnd);
    const head = block.subarray(0, 80);
    if (head.includes(END)) this.wasEnded = true;
    if (!head.includes(ANOMALY)) return;
    this.hash = hashId(this.hash, this.lastId);
    this.count++;
    if (this.#isTimed) latencies.push(Date.now() - Number(this.lastId.split('-', 1)[0]));
  }
}

let clients: Client[] = [];
let slow: Client[] = [];

async function run(command: SseClientsCommand): Promise<unknown> {
  switch (command.do) {
    case 'open': {
      clients = Array.from({ length: command.clients }, (_, index) => new Client(command.url, index % 50 === 49));
      for (let start = 0; start < clients.length; start += OPENING_AT_ONCE) {
        await Promise.all(clients.slice(start, start + OPENING_AT_ONCE).map((client) => client.open()));
      }
      slow = clients.slice(0, command.slow);
      for (const client of slow) client.pause();
      return 'open';
    }
    case 'resume-slow':
      await Promise.all(slow.map((client) => client.resume()));
      return 'resumed';
    case 'report': {
      const deadline = performance.now() + command.timeoutMs;
      const waiting = () => clients.some((client) => !slow.includes(client) && client.lastId !== command.lastId);
      const waitsForSlow = () => slow.some((client) => client.wasEnded && client.lastId !== command.lastId);
      while ((waiting() || waitsForSlow()) && performance.now() < deadline) await sleep(50);
      return {
        hashes: clients.map(({ hash }) => hash.toString(16)),
        counts: clients.map(({ count }) => count),
        ended: slow.filter(({ wasEnded }) => wasEnded).length,
        latencies: latencies.splice(0).sort((left, right) => left - right),
      } satisfies SseClientsReport;
    }
  }
}

if (import.meta.main) {
  process.on('message', (command: SseClientsCommand) => {
    void run(command).then(
      (answer) => process.send!({ answer }),
      (error: unknown) => process.send!({ error: String(error) }),
    );
  });
}
