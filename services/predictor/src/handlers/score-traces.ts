import type { StreamEntry } from '@liminal/shared/adapters/stream-worker';
import type { FeatureVector } from '@liminal/shared/contracts/feature-vector';
import { streamKey } from '@liminal/shared/contracts/keys';
import { isAnomaly, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { decodeVectorTraces, TRACE_FIELD } from '@liminal/shared/contracts/trace-context';
import type { Tracer, TraceSpan } from '@liminal/shared/runtime/tracing';

interface TracedVectors {
  span: TraceSpan;
  /** Positions among the vectors of the commit. */
  vectors: number[];
}

/** The spans of one commit: one for each call whose vectors it scores, as the child of the span that emitted them. */
export class ScoreTraces {
  readonly #traced: readonly TracedVectors[];

  private constructor(traced: readonly TracedVectors[]) {
    this.#traced = traced;
  }

  /** `decoded`: what the entries hold. Undefined where nothing is to be traced. */
  static begin(
    tracer: Tracer | undefined,
    partition: number,
    entries: readonly StreamEntry[],
    decoded: readonly { id: string; value: readonly FeatureVector[] }[],
  ): ScoreTraces | undefined {
    if (tracer === undefined || !entries.some(({ fields }) => fields.has(TRACE_FIELD))) return undefined;
    const carried = new Map(entries.map(({ id, fields }) => [id, fields.get(TRACE_FIELD)]));
    const traced: TracedVectors[] = [];
    let start = 0;
    for (const { id, value } of decoded) {
      for (const { traceparent, vectors } of decodeVectorTraces(carried.get(id) ?? Buffer.alloc(0))) {
        const positions = vectors.filter((position) => position < value.length).map((position) => start + position);
        const span = tracer.consume('score vectors', traceparent, {
          'messaging.system': 'redis',
          'messaging.operation.type': 'process',
          'messaging.destination.name': streamKey('features', partition),
          'messaging.message.id': id,
          'messaging.batch.message_count': entries.length,
          'liminal.vectors': positions.length,
        });
        if (span !== undefined) traced.push({ span, vectors: positions });
      }
      start += value.length;
    }
    return traced.length === 0 ? undefined : new ScoreTraces(traced);
  }

  /** `records`: of all vectors of the commit, in their order. Returns the trace ids of those that are traced. */
  scored(records: readonly PredictionRecord[]): Map<PredictionRecord, string> {
    const traceIds = new Map<PredictionRecord, string>();
    for (const { span, vectors } of this.#traced) {
      const own = vectors.map((position) => records[position]!);
      for (const record of own) traceIds.set(record, span.traceId);
      span.set({ 'liminal.anomalies': own.filter(isAnomaly).length, 'liminal.release': own[0]?.release ?? '' });
    }
    return traceIds;
  }

  end(error?: unknown): void {
    for (const { span } of this.#traced) span.end(error);
  }
}
