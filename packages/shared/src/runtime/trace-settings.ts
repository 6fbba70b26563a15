import { z } from 'zod';

/** `key=value` pairs with commas in between, as OpenTelemetry writes them. */
const pairs = z
  .string()
  .regex(
    /^\s*[^\s=,]+\s*=[^,]*(,\s*[^\s=,]+\s*=[^,]*)*$/,
    'must be key=value, or several of them with commas in between',
  )
  .optional();

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** Settings of tracing, by the names and with the defaults of OpenTelemetry. */
export const traceEnvironment = {
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Collector of traces (OTLP over HTTP), e.g. http://127.0.0.1:4318; without it nothing is traced'),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.enum(['http/protobuf', 'http/json']).default('http/protobuf'),
  OTEL_EXPORTER_OTLP_HEADERS: pairs.describe('Headers for the collector, e.g. authorization=Bearer%20…'),
  OTEL_TRACES_SAMPLER: z.enum(SAMPLERS).default('parentbased_always_on').describe('Which calls are traced'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Share of calls, for the ratio samplers'),
  OTEL_RESOURCE_ATTRIBUTES: pairs.describe('Attributes of every span, e.g. deployment.environment.name=staging'),
};

export interface TraceConfig {
  /** `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  endpoint: string;
  protocol: 'http/protobuf' | 'http/json';
  /** `key=value,…` with percent-encoded values. */
  headers: string;
  sampler: (typeof SAMPLERS)[number];
  /** 0 … 1, for the samplers that take a ratio. */
  ratio: number;
  /** `key=value,…` */
  resourceAttributes: string;
}

/** Undefined when nothing is to be traced. */
export function toTraceConfig(env: z.infer<z.ZodObject<typeof traceEnvironment>>): TraceConfig | undefined {
  if (env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return undefined;
  return {
    endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT,
    protocol: env.OTEL_EXPORTER_OTLP_PROTOCOL,
    headers: env.OTEL_EXPORTER_OTLP_HEADERS ?? '',
    sampler: env.OTEL_TRACES_SAMPLER,
    ratio: env.OTEL_TRACES_SAMPLER_ARG,
    resourceAttributes: env.OTEL_RESOURCE_ATTRIBUTES ?? '',
  };
}
