import type { StreamEntry } from '@liminal/shared/adapters/stream-worker';
import { streamKey } from '@liminal/shared/contracts/keys';
import { encodeVectorTraces, TRACE_FIELD } from '@liminal/shared/contracts/trace-context';
import type { Tracer, TraceSpan } from '@liminal/shared/runtime/tracing';

interface TracedEntry {
  span: TraceSpan;
  /** Positions among the vectors of the commit. */
  vectors: number[];
}

/**
 * The spans of one commit: one for each entry that came with the context of its call, as the child of that call. A commit
 * folds the calls of many traces; each trace sees its own entry in it.
 */
export class FoldTraces {
  readonly #entries: ReadonlyMap<string, TracedEntry>;

  private constructor(entries: ReadonlyMap<string, TracedEntry>) {
    this.#entries = entries;
  }

  /** Undefined where nothing is to be traced. */
  static begin(tracer: Tracer | undefined, partition: number, entries: readonly StreamEntry[]): FoldTraces | undefined {
    if (tracer === undefined) return undefined;
    const traced = new Map<string, TracedEntry>();
    for (const { id, fields } of entries) {
      const carried = fields.get(TRACE_FIELD);
      if (carried === undefined) continue;
      const span = tracer.consume('fold events', carried.toString(), {
        'messaging.system': 'redis',
        'messaging.operation.type': 'process',
        'messaging.destination.name': streamKey('events', partition),
        'messaging.message.id': id,
        'messaging.batch.message_count': entries.length,
      });
      if (span !== undefined) traced.set(id, { span, vectors: [] });
    }
    return traced.size === 0 ? undefined : new FoldTraces(traced);
  }

  /** The entry `id` holds `events`, and has brought about the vectors of the commit from `from` up to `to`. */
  folded(id: string, { events, from, to }: { events: number; from: number; to: number }): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.span.set({ 'liminal.events': events, 'liminal.vectors': to - from });
    for (let position = from; position < to; position++) entry.vectors.push(position);
  }

  /** What goes with the vectors; undefined where no traced entry has brought any about. */
  get carried(): Buffer | undefined {
    const traces = [...this.#entries.values()].filter(({ vectors }) => vectors.length > 0);
    if (traces.length === 0) return undefined;
    return encodeVectorTraces(traces.map(({ span, vectors }) => ({ traceparent: span.traceparent, vectors })));
  }

  end(error?: unknown): void {
    for (const { span } of this.#entries.values()) span.end(error);
  }
}
