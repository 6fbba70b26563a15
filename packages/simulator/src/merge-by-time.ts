import type { TimedEvent } from './timed-event.ts';

/** Events in time order, none before `fromMs`. It is asked for its first event only when that time has come. */
export interface Source {
  readonly fromMs: number;
  readonly events: Iterator<TimedEvent>;
}

/**
 * Merges sources that are each in time order into one in time order. Equal times keep the order of the sources, so the
 * result is a function of the sources alone. Holds at most one event per source: a binary heap on typed arrays.
 */
export function* mergeByTime(sources: readonly Source[]): Generator<TimedEvent> {
  let size = sources.length;
  const heads: (TimedEvent | undefined)[] = sources.map(() => undefined);
  const times = Float64Array.from(sources, (source) => source.fromMs);
  const heap = Int32Array.from({ length: size }, (_, index) => index);
  const isBefore = (a: number, b: number) => times[a]! < times[b]! || (times[a] === times[b] && a < b);
  const siftDown = (start: number) => {
    const moving = heap[start]!;
    let position = start;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, moving)) break;
      heap[position] = heap[child]!;
      position = child;
    }
    heap[position] = moving;
  };
  for (let position = (size >> 1) - 1; position >= 0; position--) siftDown(position);

  while (size > 0) {
    const source = heap[0]!;
    const head = heads[source];
    if (head !== undefined) yield head;
    // Only now: a source that looks at what others have done must not run ahead of what was yielded.
    const next = sources[source]!.events.next();
    if (next.done) {
      size--;
      heap[0] = heap[size]!;
    } else {
      heads[source] = next.value;
      times[source] = next.value.ts;
    }
    if (size > 0) siftDown(0);
  }
}
