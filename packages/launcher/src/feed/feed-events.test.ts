import type { Event } from '@liminal/shared/contracts/event';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type FeedClock, systemClock } from './clock.ts';
import { type FeedProgress, feedEvents } from './feed-events.ts';
import { EventsServer, json } from './testing/events-server.ts';

/** Waits take no time, and are written down. */
const WALL_START_MS = Date.UTC(2026, 10, 23);

class TestClock implements FeedClock {
  readonly waits: number[] = [];
  #now = 0;

  now(): number {
    return this.#now;
  }

  wallMs(): number {
    return WALL_START_MS + this.#now;
  }

  wait(ms: number): Promise<void> {
    this.waits.push(ms);
    this.#now += ms;
    return Promise.resolve();
  }
}

function* events(count: number, stepMs = 1): Generator<Event & { ts: number }> {
  for (let index = 0; index < count; index++) {
    yield { kind: 'login', id: `e${index}`, ts: index * stepMs, user: 'ann', ip: '198.51.100.4', success: true };
  }
}

describe('feedEvents', () => {
  let server: EventsServer;
  let clock: TestClock;
  beforeEach(async () => {
    server = await EventsServer.start();
    clock = new TestClock();
  });
  afterEach(() => server[Symbol.asyncDispose]());

  const feed = (
    source: Iterable<Event> | AsyncIterable<Event>,
    options: Partial<Parameters<typeof feedEvents>[1]> = {},
  ) => feedEvents(source, { url: server.url, speed: 'max', clock, ...options });
  const takenIds = (): unknown[] => server.events.map(({ id }) => id);
  const allIds = (count: number): unknown[] => [...events(count)].map(({ id }) => id);

  test('sends all events in order, 500 a call', async () => {
    expect(await feed(events(1201))).toEqual({ accepted: 1201, duplicates: 0, refused: new Map() });
    expect(server.callSizes).toEqual([500, 500, 201]);
    expect(takenIds()).toEqual(allIds(1201));
    expect(clock.waits).toEqual([]);
  });

  test('sends nothing for no events', async () => {
    expect(await feed([])).toMatchObject({ accepted: 0 });
    expect(server.callSizes).toEqual([]);
  });

  test('has one call in flight and prepares no more than the next', async () => {
    let read = 0;
    const source = function* () {
      for (const event of events(5000)) {
        read++;
        yield event;
      }
    };
    const readAtCall: number[] = [];
    let open = 0;
    server.onCall = () => {
      expect(++open).toBe(1);
      readAtCall.push(read);
    };
    await feed(source(), { onProgress: () => open-- });
    expect(server.callSizes).toHaveLength(10);
    for (const [call, count] of readAtCall.entries()) expect(count).toBeLessThanOrEqual((call + 2) * 500);
    expect(readAtCall[0]).toBe(1000);
  });

  test('waits as long as a 503 asks, says why, and sends the same call again', async () => {
    const overloaded = { error: { message: 'too many wait' } };
    server.interruptions.push((response) => json(response, 503, overloaded, { 'retry-after': '3' }));
    const progress: FeedProgress[] = [];
    expect(await feed(events(600), { onProgress: (now) => progress.push(now) })).toMatchObject({ accepted: 600 });
    expect(server.callSizes).toEqual([500, 500, 100]);
    expect(takenIds()).toEqual(allIds(600));
    expect(clock.waits).toEqual([3000]);
    expect(progress[0]!.waiting).toBe(`${server.url}/events answers 503: too many wait; trying again in 3 s`);
    expect(progress.at(-1)).toMatchObject({ accepted: 600, waiting: undefined });
  });

  test('counts once what was taken before the connection was cut', async () => {
    server.losesNextAnswer = true;
    expect(await feed(events(600))).toEqual({ accepted: 100, duplicates: 500, refused: new Map() });
    expect(takenIds()).toEqual(allIds(600));
  });

  test('backs off further each time, and afresh after a success', async () => {
    const cut = (_: unknown, request: { socket: { destroy(): void } }): void => request.socket.destroy();
    server.interruptions.push(cut, cut, cut, cut, cut, cut);
    await feed(events(10));
    expect(clock.waits).toEqual([250, 500, 1000, 2000, 4000, 5000]);
  });

  test('drops refused events, counts them by reason, and sends the rest', async () => {
    server.refuse = (event) => (Number(event.ts) % 100 === 7 ? 'is in the future' : undefined);
    const { accepted, refused } = await feed(events(1000));
    expect(accepted).toBe(990);
    expect(refused).toEqual(new Map([['field "ts": is in the future', 10]]));
    expect(takenIds()).toEqual(allIds(1000).filter((_, index) => index % 100 !== 7));
  });

  test('ends when every event is refused', async () => {
    server.refuse = () => 'never';
    expect(await feed(events(20))).toMatchObject({ accepted: 0, refused: new Map([['field "ts": never', 20]]) });
  });

  test('gives up with one sentence when nobody answers', async () => {
    const { url } = server;
    await server[Symbol.asyncDispose]();
    const source = events(2000);
    const failure = feedEvents(source, { url, speed: 'max', clock, giveUpAfterMs: 10_000 });
    await expect(failure).rejects.toThrow(
      /^Gave up after 10 s without an event taken, because http\S+\/events does not answer \(ECONNREFUSED\); start the suite/,
    );
    expect(clock.now()).toBe(10_000);
    expect(source.next().done, 'the source is let go of').toBe(true);
    server = await EventsServer.start();
  });

  test('fails at once where no Liminal backend is', async () => {
    server.interruptions.push((response) => json(response, 404, {}));
    await expect(feed(events(1))).rejects.toThrow(/answers 404; check that --url/);
    expect(server.callSizes).toEqual([1]);
  });

  test('an abort ends it with what was taken so far', async () => {
    const abort = new AbortController();
    server.onCall = () => {
      if (server.callSizes.length === 3) abort.abort();
    };
    const result = await feed(events(100_000), { signal: abort.signal });
    expect(result.accepted).toBe(1500);
    expect(server.events).toHaveLength(1500);
  });

  test('an abort ends a wait for the receiver', async () => {
    const abort = new AbortController();
    server.interruptions.push((response) => json(response, 503, {}, { 'retry-after': '60' }));
    const result = feedEvents(events(10), {
      url: server.url,
      speed: 'max',
      signal: abort.signal,
      onProgress: () => abort.abort(),
    });
    expect(await result).toMatchObject({ accepted: 0 });
  });

  describe('paced', () => {
    test('waits for each event as long as the factor says', async () => {
      await feed(events(6, 10_000), { speed: 10 });
      expect(server.callSizes).toEqual([1, 1, 1, 1, 1, 1]);
      expect(clock.waits).toEqual([1000, 1000, 1000, 1000, 1000]);
    });

    test('sends together what is due together', async () => {
      await feed(events(1000, 10), { speed: 1 });
      expect(server.callSizes[0]).toBe(11);
      expect(clock.now()).toBeGreaterThan(9_800);
      expect(clock.now()).toBeLessThanOrEqual(9_990);
      expect(takenIds()).toEqual(allIds(1000));
    });

    test('live: sends the past at once, and the rest when its time has come', async () => {
      const [event] = [...events(1)];
      const source = [-3_600_000, -1, 5_000, 5_050, 9_000].map((ms, index) => ({
        ...event!,
        id: `live-${index}`,
        ts: WALL_START_MS + ms,
      }));
      await feed(source, { speed: 'live' });
      expect(server.callSizes).toEqual([2, 2, 1]);
      expect(clock.waits).toEqual([5_000, 4_000]);
    });

    test('a failure lets the process end although the next event is far off', async () => {
      const endedWaits: number[] = [];
      const patient: FeedClock = {
        now: () => 0,
        wallMs: () => 0,
        wait: async (ms, signal) => {
          await systemClock.wait(ms, signal);
          endedWaits.push(ms);
        },
      };
      server.interruptions.push((response) => json(response, 404, {}));
      await expect(feed(events(2, 3_600_000), { speed: 1, clock: patient })).rejects.toThrow(/answers 404/);
      await vi.waitFor(() => expect(endedWaits).toEqual([3_600_000]));
    });
  });
});
