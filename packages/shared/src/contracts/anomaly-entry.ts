import { decodeExplanation, type StoredExplanation } from './explanation-codec.ts';
import { decodePrediction, type PredictionRecord } from './prediction-batch.ts';
import { decodeSeriesAnomaly, type SeriesAnomalyRecord } from './series-anomaly.ts';
import { TRACE_FIELD } from './trace-context.ts';
import { UndecodableError } from './undecodable-error.ts';

export const ENTITIES = ['user', 'series'] as const;

/** What an entry of the stream `anomalies` holds. */
export type AnomalyEntry =
  | { entity: 'user'; record: PredictionRecord; explanation: StoredExplanation; traceId?: string | undefined }
  | { entity: 'series'; record: SeriesAnomalyRecord };

/**
 * Field `b` by field `entity`; entries without the latter are of users, and have their explanation in field `x`. Throws
 * `UndecodableError` on anything else than the suite writes.
 */
export function decodeAnomalyEntry(fields: ReadonlyMap<string, Buffer>): AnomalyEntry {
  const bytes = fields.get('b') ?? Buffer.alloc(0);
  const entity = fields.get('entity')?.toString() ?? 'user';
  if (entity === 'user') {
    const explanation = fields.get('x');
    const record = decodePrediction(bytes);
    const traceId = fields.get(TRACE_FIELD)?.toString();
    const stored = explanation === undefined ? 'not-kept' : decodeExplanation(explanation);
    return { entity, record, explanation: stored, traceId };
  }
  if (entity === 'series') return { entity, record: decodeSeriesAnomaly(bytes) };
  throw new UndecodableError(`anomaly is of an unknown entity: ${entity}`);
}
