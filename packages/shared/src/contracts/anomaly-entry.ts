import { decodeExplanation, type StoredExplanation } from './explanation-codec.ts';
import { decodePrediction, type PredictionRecord } from './prediction-batch.ts';
import { decodeSeriesAnomaly, type SeriesAnomalyRecord } from './series-anomaly.ts';
import { TRACE_FIELD } from './trace-context.ts';
import { UndecodableError } from './undecodable-error.ts';

export const ENTITIES = ['user', 'series'] as const;

/** What an anomaly is of, and what was measured. */
export type AnomalySubject =
  | { entity: 'user'; record: PredictionRecord }
  | { entity: 'series'; record: SeriesAnomalyRecord };

/** What an entry of the stream `anomalies` holds. */
export type AnomalyEntry =
  | { entity: 'user'; record: PredictionRecord; explanation: StoredExplanation; traceId?: string | undefined }
  | { entity: 'series'; record: SeriesAnomalyRecord };

/**
 * Field `b` by field `entity`; entries without the latter are of users. Throws `UndecodableError` on anything else than the
 * suite writes.
 */
export function decodeAnomalySubject(fields: ReadonlyMap<string, Buffer>): AnomalySubject {
  const bytes = fields.get('b') ?? Buffer.alloc(0);
  const entity = fields.get('entity')?.toString() ?? 'user';
  if (entity === 'user') return { entity, record: decodePrediction(bytes) };
  if (entity === 'series') return { entity, record: decodeSeriesAnomaly(bytes) };
  throw new UndecodableError(`anomaly is of an unknown entity: ${entity}`);
}

/** The whole entry: anomalies of users have their explanation in field `x`. Throws `UndecodableError`. */
export function decodeAnomalyEntry(fields: ReadonlyMap<string, Buffer>): AnomalyEntry {
  const subject = decodeAnomalySubject(fields);
  if (subject.entity === 'series') return subject;
  const explanation = fields.get('x');
  const traceId = fields.get(TRACE_FIELD)?.toString();
  return { ...subject, explanation: explanation === undefined ? 'not-kept' : decodeExplanation(explanation), traceId };
}
