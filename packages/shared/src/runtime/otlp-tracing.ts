import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Context,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, parseKeyPairsIntoRecord, parseTraceParent } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import type { TraceConfig } from './trace-settings.ts';
import type { TraceAttributes, Tracer, TraceSpan, Tracing, TracingOptions } from './tracing.ts';
import { VERSION } from './version.ts';

/** A service that stops does not wait for a collector that is away. */
const STOP_WITHIN_MS = 2_000;
/** Beyond that, spans are dropped, not piled up. */
const MOST_WAITING_SPANS = 4_096;
const DELIVER_EVERY_MS = 1_000;

export async function startOtlpTracing(options: TracingOptions & { config: TraceConfig }): Promise<Tracing> {
  const { config, service, instanceId, logger } = options;
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      ...parseKeyPairsIntoRecord(config.resourceAttributes),
      'service.name': service,
      'service.namespace': 'liminal',
      'service.version': VERSION,
      'service.instance.id': instanceId,
    }),
    sampler: samplerOf(config),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new ReportedExporter(await exporterOf(config), config.endpoint, logger),
        maxQueueSize: MOST_WAITING_SPANS,
        scheduledDelayMillis: DELIVER_EVERY_MS,
      }),
    ],
  });
  logger.info({ endpoint: config.endpoint, sampler: config.sampler }, 'traces are sent to the collector');
  return {
    tracer: new OtlpTracer(provider.getTracer('liminal', VERSION)),
    async stop() {
      // What can't be delivered has been said by the exporter.
      const delivered = provider.shutdown().catch(() => undefined);
      await Promise.race([delivered, sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
    },
  };
}

class OtlpTracer implements Tracer {
  readonly #tracer: OtelTracer;

  constructor(tracer: OtelTracer) {
    this.#tracer = tracer;
  }

  receive(name: string, traceparent: string | undefined, attributes: TraceAttributes): TraceSpan | undefined {
    const parent = traceparent === undefined ? undefined : parentOf(traceparent);
    return this.#begin(name, SpanKind.SERVER, parent ?? ROOT_CONTEXT, attributes);
  }

  consume(name: string, traceparent: string, attributes: TraceAttributes): TraceSpan | undefined {
    const parent = parentOf(traceparent);
    return parent && this.#begin(name, SpanKind.CONSUMER, parent, attributes);
  }

  #begin(name: string, kind: SpanKind, parent: Context, attributes: TraceAttributes): TraceSpan | undefined {
    const span = this.#tracer.startSpan(name, { kind, attributes }, parent);
    return span.isRecording() ? new OtlpSpan(span) : undefined;
  }
}

class OtlpSpan implements TraceSpan {
  readonly #span: Span;

  constructor(span: Span) {
    this.#span = span;
  }

  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.#span.spanContext();
    return `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')}`;
  }

  set(attributes: TraceAttributes): void {
    this.#span.setAttributes(attributes);
  }

  end(error?: unknown): void {
    if (error !== undefined) {
      const message = error instanceof Error ? error.message : String(error);
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message });
      this.#span.setAttribute('error.type', error instanceof Error ? error.name : typeof error);
    }
    this.#span.end();
  }
}

function parentOf(traceparent: string): Context | undefined {
  const parsed = parseTraceParent(traceparent);
  return parsed === null ? undefined : trace.setSpanContext(ROOT_CONTEXT, { ...parsed, isRemote: true });
}

function samplerOf({ sampler, ratio }: TraceConfig): Sampler {
  const root = rootSamplerOf(sampler, ratio);
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

function rootSamplerOf(sampler: TraceConfig['sampler'], ratio: number): Sampler {
  if (sampler.endsWith('always_on')) return new AlwaysOnSampler();
  if (sampler.endsWith('always_off')) return new AlwaysOffSampler();
  return new TraceIdRatioBasedSampler(ratio);
}

async function exporterOf({ endpoint, protocol, headers }: TraceConfig): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  return new OTLPTraceExporter({ url, headers: parseKeyPairsIntoRecord(headers) });
}

/** Says once that the collector is away, and once that it is back: it is tried again with every batch. */
class ReportedExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #endpoint: string;
  readonly #logger: Logger;
  #isAway = false;

  constructor(exporter: SpanExporter, endpoint: string, logger: Logger) {
    this.#exporter = exporter;
    this.#endpoint = endpoint;
    this.#logger = logger;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      const isAway = result.code !== ExportResultCode.SUCCESS;
      if (isAway !== this.#isAway) this.#report(isAway, result.error);
      this.#isAway = isAway;
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }

  #report(isAway: boolean, error: Error | undefined): void {
    const endpoint = this.#endpoint;
    if (isAway) {
      this.#logger.warn(
        { err: error, endpoint },
        'traces do not reach the collector and are dropped: check OTEL_EXPORTER_OTLP_ENDPOINT',
      );
    } else this.#logger.info({ endpoint }, 'traces reach the collector again');
  }
}
