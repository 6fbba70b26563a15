import type { Logger } from 'pino';
import type { TraceConfig } from './trace-settings.ts';

export type TraceAttributes = Record<string, string | number | boolean>;

/** A piece of work of a sampled trace. */
export interface TraceSpan {
  /** 32 hex digits. */
  readonly traceId: string;
  /** W3C Trace Context of this span: what is caused by it is told this as its parent. */
  readonly traceparent: string;
  set(attributes: TraceAttributes): void;
  /** With an error: as failed. */
  end(error?: unknown): void;
}

/** Both give nothing for work that is not sampled: then there is nothing to end, and nothing to carry on. */
export interface Tracer {
  /** A request came in. It continues the trace that `traceparent` names, or begins one where that names none. */
  receive(name: string, traceparent: string | undefined, attributes: TraceAttributes): TraceSpan | undefined;
  /** Work on what a stream carried. Without a valid `traceparent` nobody traces it. */
  consume(name: string, traceparent: string, attributes: TraceAttributes): TraceSpan | undefined;
}

export interface Tracing {
  tracer: Tracer;
  /** Delivers what is left, for a moment at most. Never throws. */
  stop(): Promise<void>;
}

export interface TracingOptions {
  config: TraceConfig | undefined;
  /** Name of the service. */
  service: string;
  instanceId: string;
  logger: Logger;
}

/** OpenTelemetry is loaded here, and only when something is to be traced. */
export async function startTracing({ config, ...options }: TracingOptions): Promise<Tracing | undefined> {
  if (config === undefined) return undefined;
  const { startOtlpTracing } = await import('./otlp-tracing.ts');
  return startOtlpTracing({ config, ...options });
}
