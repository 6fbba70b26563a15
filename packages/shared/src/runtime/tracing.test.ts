import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { baseEnvironment, parseEnvironment, toBaseConfig } from './base-config.ts';
import { startTracing, type Tracing } from './tracing.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const SAMPLED = `00-${TRACE_ID}-b7ad6b7169203331-01`;
const UNSAMPLED = `00-${TRACE_ID}-b7ad6b7169203331-00`;

const tracingOf = (env: Record<string, string>): Promise<Tracing | undefined> => {
  const { tracing, instanceId } = toBaseConfig(parseEnvironment(baseEnvironment(8000), env));
  return startTracing({ config: tracing, service: 'test', instanceId, logger: pino({ level: 'silent' }) });
};

/** Port 9 is of nobody. */
const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
const tracerOf = async (env: Record<string, string>) => (await tracingOf({ ...ENDPOINT, ...env }))!.tracer;

describe('settings of tracing', () => {
  it('are off without a collector, whatever else is set', async () => {
    expect(await tracingOf({ OTEL_TRACES_SAMPLER: 'always_on' })).toBeUndefined();
    expect(await tracingOf({ OTEL_EXPORTER_OTLP_ENDPOINT: '' })).toBeUndefined();
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'authorization'],
    ['OTEL_TRACES_SAMPLER', 'sometimes'],
    ['OTEL_TRACES_SAMPLER_ARG', '2'],
    ['OTEL_RESOURCE_ATTRIBUTES', 'a=b,c'],
  ])('%s can not be %s', (name, value) => {
    expect(() => parseEnvironment(baseEnvironment(8000), { ...ENDPOINT, [name]: value })).toThrow(name);
  });
});

describe('spans', () => {
  it('continue the trace of their caller', async () => {
    const tracer = await tracerOf({});
    const call = tracer.receive('call', SAMPLED, {})!;
    expect(call.traceId).toBe(TRACE_ID);
    expect(call.traceparent).toMatch(new RegExp(`^00-${TRACE_ID}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`));
    expect(tracer.consume('work', call.traceparent, {})!.traceId).toBe(TRACE_ID);
  });

  it('begin a trace where a call brings none, not where an entry does', async () => {
    const tracer = await tracerOf({});
    for (const nothing of ['', 'zz', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, `${SAMPLED}, ${SAMPLED}`]) {
      expect(tracer.receive('call', nothing, {})!.traceId).not.toBe(TRACE_ID);
      expect(tracer.consume('work', nothing, {})).toBeUndefined();
    }
  });

  it.each([
    ['always_off', '1', SAMPLED, false],
    ['always_on', '1', UNSAMPLED, true],
    ['traceidratio', '0', SAMPLED, false],
    ['traceidratio', '1', UNSAMPLED, true],
    ['parentbased_always_on', '1', UNSAMPLED, false],
    ['parentbased_always_off', '1', SAMPLED, true],
    ['parentbased_always_off', '1', undefined, false],
    ['parentbased_traceidratio', '0', SAMPLED, true],
    ['parentbased_traceidratio', '0', undefined, false],
    ['parentbased_traceidratio', '1', undefined, true],
  ])('by %s of %s there is one for %s: %s', async (sampler, ratio, parent, isSampled) => {
    const tracer = await tracerOf({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: ratio });
    expect(tracer.receive('call', parent, {}) !== undefined).toBe(isSampled);
  });

  it('reach a collector as protobuf unless told otherwise, at the latest when the service stops', async () => {
    const received: { url: string | undefined; type: string | undefined; body: Buffer }[] = [];
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      received.push({ url: request.url, type: request.headers['content-type'], body: Buffer.concat(chunks) });
      response.writeHead(200).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`;
    const tracing = (await tracingOf({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }))!;
    tracing.tracer.receive('call', SAMPLED, { answer: 42 })!.end(new Error('no luck'));
    await tracing.stop();
    server.close();
    const [{ url, type, body }] = received as [(typeof received)[0]];
    expect([url, type]).toEqual(['/base/v1/traces', 'application/x-protobuf']);
    expect(body.includes(Buffer.from(TRACE_ID, 'hex'))).toBe(true);
    for (const text of ['liminal', 'service.version', 'call', 'answer', 'no luck'])
      expect(body.toString('latin1')).toContain(text);
    expect(received).toHaveLength(1);
  });
});
