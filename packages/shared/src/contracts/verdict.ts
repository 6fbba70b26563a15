import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { type AnomalyEntry, decodeAnomalyEntry } from './anomaly-entry.ts';
import { encodeExplanation } from './explanation-codec.ts';
import { encodePredictions } from './prediction-batch.ts';
import { encodeSeriesAnomaly } from './series-anomaly.ts';
import { UndecodableError } from './undecodable-error.ts';

/** `expected`: it was unusual, and known beforehand, such as a load test; it expires. `unclear` counts for nothing. */
export const VERDICTS = ['true_positive', 'false_positive', 'expected', 'unclear'] as const;

export const anomalyIdSchema = z.string().regex(/^[\w-]{20}$/, 'must be the id of an anomaly: 20 characters');

/** Who changes something, as an analyst writes it. */
export const authorSchema = z.string().trim().min(1).max(200).describe('Who says so');

/** Whole milliseconds since the epoch, from these or from ISO 8601 with a time zone. */
export const momentSchema = z
  .union([z.int().min(0), z.iso.datetime({ offset: true })], {
    error: 'must be milliseconds since the epoch or an ISO 8601 time with a zone, as in 2026-11-23T10:00:00Z',
  })
  .transform((moment) => (typeof moment === 'number' ? moment : Date.parse(moment)));

export const noteSchema = z.string().trim().max(2_000);

const verdictShape = { verdict: z.enum(VERDICTS), author: authorSchema, note: noteSchema.default('') };

/** What an analyst says of an anomaly. */
export const verdictBodySchema = z
  .strictObject({
    ...verdictShape,
    expiresAt: momentSchema
      .optional()
      .describe('Until when it is expected, in milliseconds since the epoch or ISO 8601: of `expected` alone'),
    suppress: z
      .boolean()
      .default(true)
      .describe('Whether alarms like this one are to be held back, after `expected` and `false_positive`'),
  })
  .superRefine(({ verdict, expiresAt }, context) => {
    if ((verdict === 'expected') === (expiresAt !== undefined)) return;
    const message =
      verdict === 'expected' ? 'must say until when it is expected' : 'belongs to the verdict expected alone';
    context.addIssue({ code: 'custom', path: ['expiresAt'], message });
  });

export const verdictSchema = z.object({
  anomaly: z.string().describe('Its id'),
  ...verdictShape,
  expiresAt: z.int().optional().describe('Of `expected`: until when, ms since the epoch'),
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

type JudgedFields = Record<'v' | 'entity' | 'b', string | Buffer> & { x?: Buffer };

/** Fields of an entry of the stream of verdicts: `v`, the verdict as JSON, and those of the anomaly, see `decodeAnomalyEntry`. */
export function encodeJudgedAnomaly({ verdict, anomaly }: JudgedAnomaly): JudgedFields {
  const v = JSON.stringify(verdict);
  const { entity } = anomaly;
  if (entity === 'series') return { v, entity, b: encodeSeriesAnomaly(anomaly.record) };
  return { v, entity, b: encodePredictions([anomaly.record]), x: encodeExplanation(anomaly.explanation) };
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
