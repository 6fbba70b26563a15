import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, connect as openSocket, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { freePort } from '@liminal/shared/testing/redis';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { Forwarder } from './forwarder.ts';

/** Replicas have one port and addresses of their own, as containers do. */
const REPLICAS = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
const HOST = '127.0.0.9';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A service whose replicas answer each request with their own address and the length of what they were sent. */
async function startReplica(address: string, port: number): Promise<void> {
  const server = createHttpServer(async (request, response) => {
    const { length } = await text(request);
    response.end(`${address} ${length}`);
  });
  server.listen(port, address);
  await once(server, 'listening');
  cleanups.push(() => {
    server.close();
    server.closeAllConnections();
  });
}

async function startForwarder(port: number, replicas: () => string[]) {
  const lines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  const forwarder = await Forwarder.listen({
    route: { port, service: 'predictor' },
    host: HOST,
    resolve: async () => replicas(),
    logger,
  });
  cleanups.push(() => forwarder.stop(0));
  return { forwarder, url: `http://${HOST}:${port}`, lines };
}

const ask = async (url: string, body = ''): Promise<string> => {
  const response = await fetch(url, { method: 'POST', body, headers: { connection: 'close' } });
  return response.text();
};

/** A connection, and everything that comes out of it until it ends or breaks. */
async function converse(
  port: number,
): Promise<{ socket: Socket; said: () => string; closed: Promise<Error | undefined> }> {
  const socket = openSocket({ host: HOST, port });
  let said = '';
  socket.on('data', (chunk) => {
    said += String(chunk);
  });
  const closed = new Promise<Error | undefined>((resolve) => {
    let reason: Error | undefined;
    socket.on('error', (error) => {
      reason = error;
    });
    socket.on('close', () => resolve(reason));
  });
  return { socket, said: () => said, closed };
}

describe('Forwarder', () => {
  it('gives each replica its turn', async () => {
    const port = await freePort();
    for (const address of REPLICAS) await startReplica(address, port);
    const { url } = await startForwarder(port, () => REPLICAS);
    const answers = [];
    for (let call = 0; call < 9; call++) answers.push(await ask(url));
    expect(answers.toSorted()).toEqual(REPLICAS.flatMap((address) => Array(3).fill(`${address} 0`)));
  });

  it('passes over a replica that does not accept, and asks new ones as they come', async () => {
    const port = await freePort();
    await startReplica('127.0.0.2', port);
    let replicas = ['127.0.0.1', '127.0.0.2'];
    const { url, lines } = await startForwarder(port, () => replicas);
    for (let call = 0; call < 4; call++) expect(await ask(url)).toBe('127.0.0.2 0');
    await startReplica('127.0.0.3', port);
    replicas = ['127.0.0.3'];
    expect(await ask(url)).toBe('127.0.0.3 0');
    expect(lines).toEqual([]);
  });

  it('passes large bodies on whole', async () => {
    const port = await freePort();
    await startReplica('127.0.0.1', port);
    const { url, lines } = await startForwarder(port, () => ['127.0.0.1']);
    const answer = await ask(url, 'x'.repeat(20_000_000)).catch((error: unknown) => error);
    expect([answer, lines]).toEqual(['127.0.0.1 20000000', []]);
  });

  it('breaks the connection when there is no replica, and says so once an outage', async () => {
    const port = await freePort();
    let replicas: string[] = [];
    const { url, lines } = await startForwarder(port, () => replicas);
    for (let call = 0; call < 3; call++) await expect(ask(url)).rejects.toThrow('fetch failed');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('no replica of the service accepts connections');
    await startReplica('127.0.0.1', port);
    replicas = ['127.0.0.1'];
    expect(await ask(url)).toBe('127.0.0.1 0');
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain('the service accepts connections again');
  });

  it('passes the end of one side on and still brings the answer of the other', async () => {
    const port = await freePort();
    const server = createServer({ allowHalfOpen: true }, async (socket) => {
      const said = await text(socket);
      for (let part = 0; part < 20; part++) socket.write('.'.repeat(1_000_000));
      socket.end(said);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => server.close());
    await startForwarder(port, () => ['127.0.0.1']);
    const { socket, said, closed } = await converse(port);
    socket.end('that is all');
    expect(await closed).toBeUndefined();
    expect(said().length).toBe(20_000_000 + 'that is all'.length);
    expect(said().endsWith('.that is all')).toBe(true);
  });

  it('passes a broken connection on as a broken one', async () => {
    const port = await freePort();
    const server = createServer((socket) => {
      socket.write('half of it');
      socket.once('data', () => socket.resetAndDestroy());
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => server.close());
    await startForwarder(port, () => ['127.0.0.1']);
    const { socket, said, closed } = await converse(port);
    await once(socket, 'data');
    socket.write('go on');
    expect(await closed).toMatchObject({ code: 'ECONNRESET' });
    expect(said()).toBe('half of it');
  });

  it('lets what is under way come to its end when it stops, and cuts what takes too long', async () => {
    const port = await freePort();
    const waiting: Socket[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => {});
      waiting.push(socket);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => server.close());
    const { forwarder, url } = await startForwarder(port, () => ['127.0.0.1']);
    const first = await converse(port);
    while (waiting.length < 1) await once(server, 'connection');
    const second = await converse(port);
    while (waiting.length < 2) await once(server, 'connection');
    const stopped = forwarder.stop(500);
    waiting[0]!.end('done');
    expect(await first.closed).toBeUndefined();
    expect(first.said()).toBe('done');
    expect(second.socket.readyState).toBe('open');
    await Promise.all([stopped, second.closed]);
    await expect(ask(url)).rejects.toThrow('fetch failed');
  });
});
