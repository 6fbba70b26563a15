import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { type AnomalyEntry, decodeAnomalyEntry } from './anomaly-entry.ts';
import { encodePredictions } from './prediction-batch.ts';
import { encodeSeriesAnomaly } from './series-anomaly.ts';
import { UndecodableError } from './undecodable-error.ts';

/** `expected`: it was unusual, and known beforehand, such as a load test. `unclear` counts for nothing. */
export const VERDICTS = ['true_positive', 'false_positive', 'expected', 'unclear'] as const;

/** What an analyst says of an anomaly. */
export const verdictBodySchema = z.strictObject({
  verdict: z.enum(VERDICTS),
  author: z.string().trim().min(1).max(200).describe('Who says so'),
  note: z.string().trim().max(2_000).default(''),
});

export const verdictSchema = z.object({
  anomaly: z.string().describe('Its id'),
  ...verdictBodySchema.shape,
  at: z.int().describe('When it was given, ms since the epoch'),
});
export type Verdict = z.infer<typeof verdictSchema>;

/** A verdict and what it is about, which is kept with it: the stream of anomalies forgets. */
export interface JudgedAnomaly {
  verdict: Verdict;
  anomaly: AnomalyEntry;
}

/** Of an anomaly that somebody has judged: whether it was a right alarm; undefined where that is open. */
export function isConfirmed({ verdict }: Pick<Verdict, 'verdict'>): boolean | undefined {
  return verdict === 'unclear' ? undefined : verdict === 'true_positive';
}

/** Fields of an entry of the stream of verdicts: `v`, the verdict as JSON, and those of the anomaly, see `decodeAnomalyEntry`. */
export function encodeJudgedAnomaly({
  verdict,
  anomaly,
}: JudgedAnomaly): Record<'v' | 'entity' | 'b', string | Buffer> {
  const b = anomaly.entity === 'user' ? encodePredictions([anomaly.record]) : encodeSeriesAnomaly(anomaly.record);
  return { v: JSON.stringify(verdict), entity: anomaly.entity, b };
}

/** Throws `UndecodableError` on anything else than the suite writes. */
export function decodeJudgedAnomaly(fields: ReadonlyMap<string, Buffer>): JudgedAnomaly {
  return { verdict: decodeVerdict(fields.get('v') ?? Buffer.alloc(0)), anomaly: decodeAnomalyEntry(fields) };
}

function decodeVerdict(bytes: Buffer): Verdict {
  try {
    return verdictSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw new UndecodableError('verdict is not of this version', { cause: error });
  }
}
