import { Packr } from 'msgpackr';

const packr = new Packr({ useRecords: false });

/**
 * Field of stream entries that belong to a sampled trace; others do not have it, and who does not know it passes over it.
 * In `events:{p}` a W3C `traceparent`, in `features:{p}` what `encodeVectorTraces` gives, in `anomalies` a trace id.
 */
export const TRACE_FIELD = 'trace';

/** Vectors of one entry of `features:{p}` that one traced call has brought about. */
export interface VectorTrace {
  /** W3C `traceparent` of the span that emitted them. */
  traceparent: string;
  /** Positions in the entry. */
  vectors: number[];
}

export const encodeVectorTraces = (traces: readonly VectorTrace[]): Buffer =>
  packr.pack(traces.map(({ traceparent, vectors }) => [traceparent, vectors]));

/** Empty for anything else: data does not depend on who traces it. */
export function decodeVectorTraces(bytes: Uint8Array): VectorTrace[] {
  const value = unpack(bytes);
  if (!Array.isArray(value)) return [];
  return value.flatMap((packed: unknown) => {
    if (!Array.isArray(packed)) return [];
    const [traceparent, vectors] = packed as unknown[];
    if (typeof traceparent !== 'string' || !Array.isArray(vectors) || !vectors.every(isPosition)) return [];
    return [{ traceparent, vectors: vectors as number[] }];
  });
}

function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch {
    return undefined;
  }
}

const isPosition = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;
