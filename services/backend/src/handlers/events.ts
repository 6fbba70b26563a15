import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TraceSpan } from '@liminal/shared/runtime/tracing';
import type { Redis } from 'ioredis';
import type { Config } from '../config.ts';
import { type BodyFormat, readValues } from '../ingest/body.ts';
import { CallEvents } from '../ingest/call-events.ts';
import { type IngestResult, ingest } from '../ingest/ingest.ts';
import type { Metrics } from '../metrics.ts';

export interface EventsHandlerOptions {
  redis: Redis;
  config: Config;
  metrics: Metrics;
  now(): number;
}

/** Takes one call whole or not at all: reads, checks, packs by partition, stores. `span`: of the call, where it is traced. */
export async function takeEvents(
  body: Buffer,
  format: BodyFormat,
  { redis, config, metrics, now }: EventsHandlerOptions,
  span?: TraceSpan,
): Promise<IngestResult> {
  const startedAt = performance.now();
  const events = new CallEvents(config.partitions, now());
  let result: IngestResult;
  try {
    await readEvents(body, format, events);
    result = await store(events, redis, config.eventsHighWater, span?.traceparent);
  } catch (error) {
    metrics.events.labels('refused').inc(events.count);
    throw error;
  }
  span?.set({ 'liminal.events.accepted': result.accepted, 'liminal.events.duplicates': result.duplicates });
  metrics.events.labels('accepted').inc(result.accepted);
  metrics.events.labels('duplicate').inc(result.duplicates);
  metrics.callSize.observe(events.count);
  metrics.ingestDuration.observe((performance.now() - startedAt) / 1000);
  return result;
}

async function readEvents(body: Buffer, format: BodyFormat, events: CallEvents): Promise<void> {
  let isFirst = true;
  for (const values of readValues(body, format)) {
    if (!isFirst) await nextTurn();
    isFirst = false;
    events.add(values);
  }
}

async function store(events: CallEvents, redis: Redis, highWater: number, traceparent?: string): Promise<IngestResult> {
  if (events.count === 0) return { accepted: 0, duplicates: 0 };
  const { accepted, duplicates } = await ingest(redis, randomUUID(), events.batches(), highWater, traceparent);
  return { accepted, duplicates: duplicates + events.duplicates };
}
