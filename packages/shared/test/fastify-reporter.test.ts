import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, test } from 'vitest';
import type { Event } from '../src/contracts/event.ts';
import liminalReporter, { type Drop, type LiminalReporterOptions } from '../src/fastify-reporter/plugin.ts';
import { freePort } from '../src/testing/redis.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Receiver {
  url: string;
  /** The events of each call, in the order of the calls. */
  calls: Event[][];
  /** Calls that had no answer yet, at most. */
  mostAtOnce(): number;
}

type Respond = (call: Event[], response: ServerResponse, number: number) => void;
const taken: Respond = (_, response) => response.writeHead(202).end('{}');

/** An HTTP server that answers calls as a test wants it. */
async function startReceiver(respond: Respond): Promise<Receiver> {
  const calls: Event[][] = [];
  let open = 0;
  let most = 0;
  const server = createServer(async (request: IncomingMessage, response) => {
    most = Math.max(most, ++open);
    response.on('close', () => open--);
    let body = '';
    for await (const chunk of request) body += chunk;
    const call = JSON.parse(body) as Event[];
    calls.push(call);
    respond(call, response, calls.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, calls, mostAtOnce: () => most };
}

async function startHost(options: Partial<LiminalReporterOptions> & { url: string }): Promise<FastifyInstance> {
  const app = fastify();
  await app.register(liminalReporter, {
    getUser: (request) => request.headers['x-user']?.toString(),
    flushIntervalMs: 10,
    closeTimeoutMs: 200,
    ...options,
  });
  app.get('/things/:id', () => ({ fine: true }));
  app.get('/broken', () => {
    throw new Error('as meant');
  });
  cleanups.push(() => app.close());
  return app;
}

const login = (user: string) => ({ kind: 'login' as const, user, ip: '192.0.2.1', success: true });
const usersOf = (calls: Event[][]): string[][] => calls.map((call) => call.map(({ user }) => user));

describe('a request', () => {
  test('becomes an event with its route, not its URL', async () => {
    const receiver = await startReceiver(taken);
    const app = await startHost({ url: receiver.url, getTokenId: () => 'token-1' });
    const headers = { 'x-user': 'ada', 'user-agent': 'test/1' };
    await app.inject({ url: '/things/5?secret=1', headers, remoteAddress: '192.0.2.7' });
    await app.inject({ url: '/broken', headers: { 'user-agent': 'x'.repeat(3_000) }, remoteAddress: '192.0.2.8' });
    await app.inject({ url: '/nowhere', headers });
    await expect.poll(() => receiver.calls.flat().length).toBe(3);
    expect(receiver.calls.flat()).toEqual([
      {
        kind: 'request',
        ts: expect.any(Number),
        id: expect.any(String),
        user: 'ada',
        ip: '192.0.2.7',
        method: 'GET',
        route: '/things/:id',
        status: 200,
        durationMs: expect.any(Number),
        bytes: '{"fine":true}'.length,
        userAgent: 'test/1',
        tokenId: 'token-1',
      },
      // An overlong header must not hide who sent it.
      expect.objectContaining({ user: 'ip:192.0.2.8', route: '/broken', status: 500, userAgent: 'x'.repeat(1_024) }),
      expect.objectContaining({ user: 'ada', route: 'unmatched', status: 404 }),
    ]);
    expect(new Set(receiver.calls.flat().map(({ id }) => id)).size).toBe(3);
  });

  test('of a client that goes away before the answer is seen too, once and with its address', async () => {
    const receiver = await startReceiver(taken);
    const app = await startHost({ url: receiver.url });
    const arrival = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<string>();
    app.get('/slow', () => {
      arrival.resolve();
      return answer.promise;
    });
    let finished = 0;
    app.addHook('onSend', async () => {
      finished++;
    });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const leaving = new AbortController();
    const call = fetch(`${url}/slow`, { signal: leaving.signal }).catch(() => 'left');
    await arrival.promise;
    leaving.abort();
    expect(await call).toBe('left');
    await expect.poll(() => receiver.calls.flat()).toMatchObject([{ route: '/slow', status: 499, ip: '127.0.0.1' }]);

    answer.resolve('too late');
    await expect.poll(() => finished).toBe(1);
    await app.inject('/things/1');
    await expect.poll(() => receiver.calls.flat().length).toBe(2);
    expect(receiver.calls.flat()[1]).toMatchObject({ route: '/things/:id', status: 200 });
  });

  test('is answered although the functions of the application throw', async () => {
    const receiver = await startReceiver(taken);
    const drops: Drop[] = [];
    const app = await startHost({
      url: receiver.url,
      getUser: () => {
        throw new Error('no such user');
      },
      onDrop: (drop) => {
        drops.push(drop);
        throw new Error('in onDrop');
      },
    });
    expect((await app.inject('/things/1')).statusCode).toBe(200);
    expect(app.liminal.counters).toMatchObject({ reported: 1, dropped: { failed: 1 }, queued: 0 });
    expect(drops).toEqual([{ reason: 'failed', events: 1, detail: 'Error: no such user' }]);
  });
});

describe('report', () => {
  test('adds time and id, and drops what is no event without throwing', async () => {
    const receiver = await startReceiver(taken);
    const app = await startHost({ url: receiver.url });
    app.liminal.report(login('ada'));
    app.liminal.report({ ...login('ben'), ts: 5, id: 'own' });
    app.liminal.report({ kind: 'login' } as never);
    app.liminal.report(null as never);
    await expect.poll(() => app.liminal.counters.delivered).toBe(2);
    expect(receiver.calls.flat()).toMatchObject([
      { user: 'ada', ts: expect.any(Number) },
      { ts: 5, id: 'own' },
    ]);
    expect(app.liminal.counters).toMatchObject({ reported: 4, dropped: { invalid: 2 } });
  });
});

describe('sending', () => {
  test('goes in batches, one call at a time, and takes along what came in meanwhile', async () => {
    const held: ServerResponse[] = [];
    const receiver = await startReceiver((_, response) => held.push(response));
    const app = await startHost({ url: receiver.url, batchSize: 3, flushIntervalMs: 60_000 });
    for (let index = 0; index < 3; index++) app.liminal.report(login(`u${index}`));
    await expect.poll(() => receiver.calls.length).toBe(1);
    for (let index = 3; index < 8; index++) app.liminal.report(login(`u${index}`));
    for (let answered = 0; answered < 3; answered++) {
      await expect.poll(() => held.length).toBe(answered + 1);
      held[answered]!.writeHead(202).end();
    }
    await expect.poll(() => app.liminal.counters.delivered).toBe(8);
    expect(usersOf(receiver.calls)).toEqual([
      ['u0', 'u1', 'u2'],
      ['u3', 'u4', 'u5'],
      ['u6', 'u7'],
    ]);
    expect(receiver.mostAtOnce()).toBe(1);
  });

  test('comes again with the same ids until it is taken', async () => {
    const receiver = await startReceiver((_, response, number) => {
      if (number === 1) response.writeHead(503, { 'retry-after': '0' }).end();
      else if (number === 2) response.destroy();
      else response.writeHead(202).end();
    });
    const app = await startHost({ url: receiver.url });
    app.liminal.report(login('ada'));
    app.liminal.report(login('ben'));
    await expect.poll(() => app.liminal.counters.delivered, { timeout: 5_000 }).toBe(2);
    expect(receiver.calls).toHaveLength(3);
    expect(receiver.calls[1]).toEqual(receiver.calls[0]);
    expect(receiver.calls[2]).toEqual(receiver.calls[0]);
    expect(app.liminal.counters).toMatchObject({ calls: 3, retries: 2 });
  });

  test('leaves out the event that the receiver names, and no other', async () => {
    const receiver = await startReceiver((call, response) => {
      const index = call.findIndex(({ user }) => user.startsWith('bad'));
      if (index === -1) return taken(call, response, 0);
      response.writeHead(400).end(JSON.stringify({ error: { message: `event ${index} is bad`, details: { index } } }));
    });
    const app = await startHost({ url: receiver.url, batchSize: 5 });
    for (const user of ['a', 'bad1', 'b', 'bad2', 'c']) app.liminal.report(login(user));
    await expect.poll(() => app.liminal.counters.delivered).toBe(3);
    expect(usersOf(receiver.calls).at(-1)).toEqual(['a', 'b', 'c']);
    expect(app.liminal.counters.dropped.invalid).toBe(2);
  });

  test('halves a call that is too large', async () => {
    const receiver = await startReceiver((call, response) => {
      response.writeHead(call.length > 2 ? 413 : 202).end();
    });
    const app = await startHost({ url: receiver.url, batchSize: 7 });
    for (let index = 0; index < 7; index++) app.liminal.report(login(`u${index}`));
    await expect.poll(() => app.liminal.counters.delivered).toBe(7);
    const delivered = receiver.calls.filter((call) => call.length <= 2).flat();
    expect(delivered.map(({ user }) => user)).toEqual(['u0', 'u1', 'u2', 'u3', 'u4', 'u5', 'u6']);
  });

  test('gives up a call that will never be taken, and goes on with the next', async () => {
    const receiver = await startReceiver((call, response, number) => {
      if (number === 1) response.writeHead(404).end('not here');
      else taken(call, response, number);
    });
    const drops: Drop[] = [];
    const app = await startHost({ url: receiver.url, batchSize: 2, onDrop: (drop) => drops.push(drop) });
    for (const user of ['a', 'b', 'c', 'd']) app.liminal.report(login(user));
    await expect.poll(() => app.liminal.counters.delivered).toBe(2);
    expect(drops).toEqual([{ reason: 'refused', events: 2, detail: 'HTTP 404 not here' }]);
  });
});

describe('a receiver in trouble', () => {
  const unreachable = async (): Promise<string> => `http://127.0.0.1:${await freePort()}`;
  const silent = async (): Promise<string> => (await startReceiver(() => undefined)).url;
  const failing = async (): Promise<string> =>
    (await startReceiver((_, response) => response.writeHead(500).end('broken'))).url;

  test.each([
    ['unreachable', unreachable],
    ['silent', silent],
    ['failing', failing],
  ])('%s: the host answers, the queue stays bounded, what is lost is counted', async (_, start) => {
    const options = { batchSize: 10, maxQueue: 50, timeoutMs: 60_000, flushIntervalMs: 1, closeTimeoutMs: 100 };
    const app = await startHost({ url: await start(), ...options });
    const statuses: number[] = [];
    let mostQueued = 0;
    for (let index = 0; index < 300; index++) {
      statuses.push((await app.inject('/things/1')).statusCode);
      mostQueued = Math.max(mostQueued, app.liminal.counters.queued);
    }
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(mostQueued).toBe(50);
    const { dropped, delivered } = app.liminal.counters;
    expect(delivered).toBe(0);
    // All but the queue and the call under way.
    expect(dropped.full).toBe(300 - 50 - 10);

    // Bounded, although a call of 60 s is under way: the test's own time limit is shorter.
    await app.close();
    expect(app.liminal.counters).toMatchObject({ queued: 0, dropped: { full: 240, closed: 60 } });
  });

  test('a full queue gives up the oldest, or the newest', async () => {
    for (const [dropWhenFull, kept] of [
      ['oldest', ['u2', 'u3', 'u4']],
      ['newest', ['u0', 'u1', 'u2']],
    ] as const) {
      const receiver = await startReceiver(taken);
      const app = await startHost({ url: receiver.url, maxQueue: 3, flushIntervalMs: 60_000, dropWhenFull });
      for (let index = 0; index < 5; index++) app.liminal.report(login(`u${index}`));
      await app.close();
      expect(usersOf(receiver.calls)).toEqual([kept]);
      expect(app.liminal.counters).toMatchObject({ delivered: 3, dropped: { full: 2 } });
    }
  });

  test('that comes back in time gets everything', async () => {
    let isAway = true;
    const receiver = await startReceiver((_, response) => response.writeHead(isAway ? 503 : 202).end());
    const app = await startHost({ url: receiver.url, batchSize: 10 });
    for (let index = 0; index < 25; index++) app.liminal.report(login(`u${index}`));
    await expect.poll(() => app.liminal.counters.retries).toBeGreaterThan(0);
    isAway = false;
    await expect.poll(() => app.liminal.counters.delivered, { timeout: 5_000 }).toBe(25);
  });
});

test('closing sends what is left, and later events are counted as lost', async () => {
  const receiver = await startReceiver(taken);
  const app = await startHost({ url: receiver.url, flushIntervalMs: 60_000 });
  app.liminal.report(login('ada'));
  await app.close();
  expect(usersOf(receiver.calls)).toEqual([['ada']]);
  app.liminal.report(login('ben'));
  expect(app.liminal.counters).toMatchObject({ delivered: 1, dropped: { closed: 1 } });
});

test('closing waits for the call under way, and makes no other beside it', async () => {
  const held: ServerResponse[] = [];
  const receiver = await startReceiver((_, response) => held.push(response));
  const app = await startHost({ url: receiver.url, batchSize: 1, closeTimeoutMs: 30_000 });
  app.liminal.report(login('ada'));
  app.liminal.report(login('ben'));
  await expect.poll(() => held.length).toBe(1);
  const closing = Promise.withResolvers<void>();
  app.addHook('onClose', async () => closing.resolve());
  const closed = app.close();
  await closing.promise;
  await sleep(100); // in which a second call would come
  expect(held).toHaveLength(1);
  held[0]!.writeHead(202).end();
  await expect.poll(() => held.length).toBe(2);
  held[1]!.writeHead(202).end();
  await closed;
  expect(usersOf(receiver.calls)).toEqual([['ada'], ['ben']]);
  expect(receiver.mostAtOnce()).toBe(1);
});

test.each([{ batchSize: 0 }, { batchSize: 10_001 }, { maxQueue: 1.5 }, { timeoutMs: -1 }, { url: 'nowhere' }])(
  'options that can not be used are refused at registration: %j',
  async (options) => {
    const app = fastify();
    const registered = app.register(liminalReporter, {
      url: 'http://127.0.0.1:1',
      getUser: () => undefined,
      ...options,
    });
    await expect(Promise.resolve(registered)).rejects.toThrow(/must be a whole number|Invalid URL/);
  },
);
