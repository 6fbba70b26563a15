import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { toEntry } from '@liminal/shared/adapters/stream-worker';
import type { Event } from '@liminal/shared/contracts/event';
import { encodeEventBatch } from '@liminal/shared/contracts/event-batch-writer';
import { encodeFeatureVectors, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { acceptedKey, deadLetterKey, predictionKey, streamKey } from '@liminal/shared/contracts/keys';
import { decodePrediction } from '@liminal/shared/contracts/prediction-batch';
import { decodeVectorTraces } from '@liminal/shared/contracts/trace-context';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServiceName, ServiceProcess, until } from './service-process.ts';
import { startStores } from './stores.ts';
import { TraceReceiver } from './trace-receiver.ts';

const SERVER = 2;
const CONSUMER = 5;
const NAMES = ['kenning', 'predictor', 'feature-extractor', 'backend'] as const;

/** Says which modules of the SDK a process loads. */
const TELL_SDK = `--import=data:text/javascript,${encodeURIComponent(
  'import{registerHooks}from"node:module";registerHooks({resolve(s,c,n){const r=n(s,c);' +
    'if(r.url.includes("opentelemetry/sdk-trace"))process.stderr.write("loads-the-sdk ");return r}})',
)}`;

const newTraceId = (): string => randomBytes(16).toString('hex');
const CALLER_SPAN = 'b7ad6b7169203331';

const login = (user: string): Event => ({ kind: 'login', ts: Date.now(), user, ip: '192.0.2.1', success: true });

/** Every request from another address with the same token, much faster than people are. */
const attackOf = (user: string): Event[] =>
  Array.from({ length: 600 }, (_, index) => ({
    kind: 'request',
    ts: Date.now() - 60_000 + index * 100,
    user,
    ip: `198.51.100.${index % 250}`,
    method: 'GET',
    route: `/r/${index % 7}`,
    status: 200,
    durationMs: 3,
    tokenId: 'stolen',
  }));

describe('traces', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  const receiver = new TraceReceiver();
  const services = {} as Record<ServiceName, ServiceProcess>;
  let redis: Redis;
  let env: Record<string, string>;

  beforeAll(async () => {
    await receiver.start();
    cleanups.push(() => receiver.stop());
    const stores = await startStores('traces', cleanups);
    redis = new Redis(stores.env.REDIS_URL);
    cleanups.push(async () => redis.disconnect());
    env = { ...stores.env, PARTITIONS: '1', NODE_OPTIONS: `--max-semi-space-size=4 ${TELL_SDK}` };
    const traced = {
      ...env,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20of-the-collector',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      // So that a test need not wait for all tries of a delivery.
      OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
    };
    await Promise.all(
      NAMES.map(async (name) => {
        services[name] = await ServiceProcess.start(name, traced);
        cleanups.push(() => services[name].kill());
      }),
    );
    for (const name of NAMES) await services[name].ready();
  }, 90_000);

  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  const post = async (events: Event[], headers: Record<string, string> = {}, url = services.backend.url) => {
    const response = await fetch(`${url}/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(events),
    });
    expect(response.status).toBe(202);
  };
  const isScored = (user: string) =>
    until(`${user} is scored`, async () => (await redis.exists(predictionKey(0, user))) === 1, 20_000);
  const newestEntry = async (stream: 'events' | 'features') =>
    toEntry((await redis.xrevrangeBuffer(streamKey(stream, 0), '+', '-', 'COUNT', 1))[0]!);

  it('a call is one trace from its sender to its predictions, and the anomaly names it', async () => {
    const traceId = newTraceId();
    await post(attackOf('mallory'), { traceparent: `00-${traceId}-${CALLER_SPAN}-01` });
    await until('all spans of the trace are there', async () => receiver.of(traceId).length >= 3, 20_000);

    const [call, fold, score] = receiver
      .of(traceId)
      .sort((a, b) => (a.startTimeUnixNano < b.startTimeUnixNano ? -1 : 1));
    expect(call).toMatchObject({ service: 'backend', name: 'POST /events', kind: SERVER, parentSpanId: CALLER_SPAN });
    expect(call!.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/events',
      'http.response.status_code': 202,
      'liminal.events.accepted': 600,
    });
    expect(fold).toMatchObject({ service: 'feature-extractor', name: 'fold events', kind: CONSUMER });
    expect(fold!.parentSpanId).toBe(call!.spanId);
    expect(fold!.attributes).toMatchObject({
      'messaging.destination.name': streamKey('events', 0),
      'liminal.events': 600,
      'liminal.vectors': 6,
    });
    expect(score).toMatchObject({ service: 'predictor', name: 'score vectors', kind: CONSUMER });
    expect(score!.parentSpanId).toBe(fold!.spanId);
    expect(score!.attributes).toMatchObject({
      'liminal.vectors': 6,
      'liminal.release': expect.stringMatching(/^r-|factory/),
    });
    expect(fold!.endTimeUnixNano).toBeLessThan(score!.endTimeUnixNano);
    expect(receiver.of(traceId)).toHaveLength(3);
    expect(receiver.headers.at(-1)).toMatchObject({ authorization: 'Bearer of-the-collector' });

    const response = await fetch(`${services.backend.url}/ml/anomalies?user=mallory`);
    const { anomalies } = (await response.json()) as { anomalies: { traceId?: string }[] };
    expect(anomalies.length).toBeGreaterThan(0);
    expect(score!.attributes['liminal.anomalies']).toBe(anomalies.length);
    expect(new Set(anomalies.map((anomaly) => anomaly.traceId))).toEqual(new Set([traceId]));
    // No user, address or token leaves with the spans.
    expect(JSON.stringify(receiver.of(traceId).map(({ name, attributes }) => [name, attributes]))).not.toMatch(
      /mallory|198\.51|stolen/,
    );
  });

  it('calls of one commit stay traces of their own, each with its own vectors', async () => {
    const ids = Array.from({ length: 5 }, newTraceId);
    // While it stands still they come together.
    services['feature-extractor'].freeze();
    for (const [n, id] of ids.entries())
      await post([login(`many-${n}`)], { traceparent: `00-${id}-${CALLER_SPAN}-01` });
    services['feature-extractor'].thaw();
    await until('all spans are there', async () => ids.every((id) => receiver.of(id).length === 3), 20_000);
    const together: number[] = [];
    for (const id of ids) {
      const byName = new Map(receiver.of(id).map((span) => [span.name, span]));
      expect(byName.get('fold events')!.parentSpanId).toBe(byName.get('POST /events')!.spanId);
      expect(byName.get('score vectors')!.parentSpanId).toBe(byName.get('fold events')!.spanId);
      expect(byName.get('score vectors')!.attributes['liminal.vectors']).toBe(1);
      together.push(Number(byName.get('fold events')!.attributes['messaging.batch.message_count']));
    }
    expect(Math.max(...together)).toBeGreaterThan(1);
  });

  it('a call without a context, or with one that is none, begins a trace', async () => {
    for (const [user, headers] of [
      ['rootless', {}],
      ['garbled', { traceparent: '00-zz-nothing-01' }],
    ] as const) {
      const before = new Set(receiver.spans);
      await post([login(user)], headers);
      const fresh = () => receiver.spans.filter((span) => !before.has(span));
      await until('its spans are there', async () => fresh().length === 3, 20_000);
      expect(new Set(fresh().map((span) => span.traceId)).size).toBe(1);
      expect(fresh().find((span) => span.name === 'POST /events')).not.toHaveProperty('parentSpanId');
    }
  });

  it('a call that its sender does not sample leaves nothing in the entries', async () => {
    const traceId = newTraceId();
    await post([login('unsampled')], { traceparent: `00-${traceId}-${CALLER_SPAN}-00` });
    await isScored('unsampled');
    expect([...(await newestEntry('events')).fields.keys()]).toEqual(['b', 'n']);
    expect([...(await newestEntry('features')).fields.keys()]).toEqual(['b']);
    await sleep(1_500);
    expect(receiver.of(traceId)).toEqual([]);
  });

  it('a context in an entry that is none changes nothing', async () => {
    const before = receiver.spans.length;
    for (const [index, garbage] of ['', 'zz', Buffer.from([0xff, 0xc1, 0]), 'x'.repeat(10_000)].entries()) {
      const user = `carried-${index}`;
      await redis.incr(acceptedKey(0));
      const batch = encodeEventBatch([login(user)]);
      await redis.xadd(streamKey('events', 0), '*', 'b', batch, 'n', '1', 'trace', garbage);
      await isScored(user);
      const vector = { user: `vector-${index}`, ts: Date.now(), seq: 1, values: new Float32Array(VECTOR_LENGTH) };
      await redis.xadd(streamKey('features', 0), '*', 'b', encodeFeatureVectors([vector]), 'trace', garbage);
      await isScored(vector.user);
      expect(decodePrediction((await redis.getBuffer(predictionKey(0, vector.user)))!).user).toBe(vector.user);
    }
    for (const stream of ['events', 'features'] as const) {
      expect(await redis.exists(deadLetterKey(streamKey(stream, 0)))).toBe(0);
    }
    await sleep(1_500);
    expect(receiver.spans.length).toBe(before);
  });

  it('without the variable there is no SDK, no connection, and nothing in the entries', async () => {
    const connections = receiver.connections;
    const off = await ServiceProcess.start('backend', env);
    cleanups.push(() => off.kill());
    await post([login('untraced')], { traceparent: `00-${newTraceId()}-${CALLER_SPAN}-01` }, off.url);
    await isScored('untraced');
    expect([...(await newestEntry('events')).fields.keys()]).toEqual(['b', 'n']);
    expect(await off.stop()).toBe(0);
    expect(off.output).not.toContain('loads-the-sdk');
    expect(services.backend.output).toContain('loads-the-sdk');
    await sleep(1_500);
    expect(receiver.connections).toBe(connections);
  });

  it('without a collector everything goes on, and each service says so once', { timeout: 60_000 }, async () => {
    await receiver.stop();
    const spans = receiver.spans.length;
    const started = performance.now();
    for (let call = 0; performance.now() - started < 10_000; call++) {
      await post([login(`away-${call}`)]);
      await isScored(`away-${call}`);
      await sleep(300);
    }
    const warnings = (name: ServiceName) => services[name].output.split('traces do not reach the collector').length - 1;
    const traced = ['backend', 'feature-extractor', 'predictor'] as const;
    await until('all have noticed', async () => traced.every((name) => warnings(name) > 0), 20_000);
    expect(traced.map(warnings)).toEqual([1, 1, 1]);
    expect(receiver.spans.length).toBe(spans);

    await receiver.start();
    await post([login('back')]);
    await until('spans come again', async () => receiver.spans.length > spans, 20_000);

    await receiver.stop();
    await post([login('last')]);
    for (const name of traced) expect(await services[name].stop(), name).toBe(0);
  });
});

describe('traces of vectors', () => {
  it('are none where the bytes are no such list', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('00-zz'), Buffer.from([0xff])]) {
      expect(decodeVectorTraces(bytes)).toEqual([]);
    }
  });
});
