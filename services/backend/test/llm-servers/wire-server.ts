import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Behaviour } from './behaviours.ts';

/** One call as it came over the wire. */
export interface RecordedCall {
  path: string;
  headers: IncomingHttpHeaders;
  /** Names and values as they were sent, in their order. */
  rawHeaders: string[];
  body: Buffer;
}

/** How a vendor's interface reads and writes. */
export interface Wire {
  /** Path of the call under the base URL. */
  path: string;
  /** All text that the model is given. Throws on a body that the vendor's API would refuse. */
  promptOf(body: unknown): string;
  /** The vendor's answer that carries `text`. */
  answerOf(text: string, tokens: { input: number; output: number }): object;
}

export interface LlmServer extends AsyncDisposable {
  /** For the setting `baseUrl`. */
  readonly url: string;
  readonly calls: RecordedCall[];
  behave(behaviour: Behaviour): void;
  stop(): Promise<void>;
}

/** Tokens as a tokenizer would roughly count them. */
const tokensOf = (text: string): number => Math.ceil(text.length / 4);

/** A server on loopback that speaks a vendor's wire format, and behaves as it is told. */
export async function startLlmServer(wire: Wire, first: Behaviour): Promise<LlmServer> {
  const calls: RecordedCall[] = [];
  let behaviour = first;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const path = request.url ?? '';
      calls.push({ path, headers: request.headers, rawHeaders: request.rawHeaders, body });
      if (request.method !== 'POST' || path !== `/v1${wire.path}`)
        return send(response, 404, { error: { message: path } });
      answer(response, body).catch((error: unknown) => send(response, 400, { error: { message: String(error) } }));
    });
  });
  async function answer(response: ServerResponse, body: Buffer): Promise<void> {
    const prompt = wire.promptOf(JSON.parse(body.toString('utf8')));
    const reply = behaviour({ prompt, number: calls.length });
    await sleep(reply.afterMs ?? 0);
    if (response.destroyed) return;
    if (reply.status !== undefined)
      return send(response, reply.status, { error: { message: reply.text } }, reply.headers);
    if (reply.isRaw === true)
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(reply.text);
    send(response, 200, wire.answerOf(reply.text, { input: tokensOf(prompt), output: tokensOf(reply.text) }));
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    behave: (next) => {
      behaviour = next;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function send(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
