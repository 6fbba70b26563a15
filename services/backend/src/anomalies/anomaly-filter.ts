import { type AnomalyEntry, type AnomalySubject, ENTITIES } from '@liminal/shared/contracts/anomaly-entry';
import { MINUTE_MS } from '@liminal/shared/contracts/feature-vector';
import {
  type ModelName,
  modelNameSchema,
  SEVERITIES,
  type Severity,
  severitySchema,
} from '@liminal/shared/contracts/prediction';
import { anomalyId } from '@liminal/shared/contracts/prediction-batch';
import { seriesName } from '@liminal/shared/contracts/series';
import { seriesAnomalyId } from '@liminal/shared/contracts/series-anomaly';
import { z } from 'zod';
import { timeParameter } from '../requests/time-parameter.ts';
import { foundBy } from './found-by.ts';

/** What an anomaly itself tells; whether it was judged is asked of the verdicts. */
export interface AnomalyFilter {
  minSeverity: Severity;
  severity?: Severity | undefined;
  /** Only those of users, or of series. */
  entity?: (typeof ENTITIES)[number] | undefined;
  user?: string | undefined;
  series?: string | undefined;
  model?: ModelName | undefined;
  /** Words, each of which has to occur. */
  text?: string | undefined;
  /** Event time in ms, the first moment that counts. */
  from?: number | undefined;
  /** Event time in ms, the first moment that does not count any more. */
  to?: number | undefined;
}

const MOST_TEXT = 200;

/** Parameters of every query over anomalies. */
export const filterShape = {
  minSeverity: severitySchema.default('warning'),
  severity: severitySchema.exclude(['none']).optional().describe('Only anomalies of exactly this severity'),
  entity: z.enum(ENTITIES).optional().describe('Only anomalies of users, or only those of series of the platform'),
  user: z.string().min(1).optional().describe('Only anomalies of this user'),
  series: z.string().min(1).optional().describe('Only anomalies of this series'),
  model: modelNameSchema
    .optional()
    .describe('Only anomalies that this model found: its p-value is the smallest (of several models where they agree)'),
  text: z
    .string()
    .trim()
    .min(1)
    .max(MOST_TEXT)
    .optional()
    .describe('Words that all occur in the user or series, id, release or summary, in upper or lower case'),
};

/** Further parameters of queries over what was. */
export const periodShape = {
  from: timeParameter.optional().describe('Only what happened at this moment or later: ms or ISO 8601, event time'),
  to: timeParameter.optional().describe('Only what happened before this moment: ms or ISO 8601, event time'),
};

/** For `refine`: an empty period is a mistake of the caller. */
export const isPeriod = ({ from, to }: { from?: number | undefined; to?: number | undefined }): boolean =>
  from === undefined || to === undefined || from < to;
export const PERIOD_ISSUE = { path: ['from'], message: 'must be before to' };

export const rank = (severity: Severity): number => SEVERITIES.indexOf(severity);

/** When it happened: event time in ms. */
export const timeOf = ({ entity, record }: AnomalySubject): number =>
  entity === 'user' ? record.ts : record.minute * MINUTE_MS;

export const idOf = ({ entity, record }: AnomalySubject): string =>
  entity === 'user' ? anomalyId(record) : seriesAnomalyId(seriesName(record), record.minute);

/** Whether every anomaly of the stream passes. */
export const passesAll = ({ minSeverity, ...others }: AnomalyFilter): boolean =>
  rank(minSeverity) <= rank('warning') &&
  [others.severity, others.entity, others.user, others.series, others.model, others.text, others.from, others.to].every(
    (value) => value === undefined,
  );

export const matches = (anomaly: AnomalyEntry, filter: AnomalyFilter): boolean =>
  matchesSubject(anomaly, filter) && matchesText(anomaly, filter);

/** Whether all but its text passes, which is in the explanation: decoding that costs as much as all the rest. */
export function matchesSubject(anomaly: AnomalySubject, filter: AnomalyFilter): boolean {
  const { entity, record } = anomaly;
  const { minSeverity, severity, user, series, model, from, to } = filter;
  if (rank(record.severity) < rank(minSeverity)) return false;
  if (severity !== undefined && record.severity !== severity) return false;
  if (filter.entity !== undefined && entity !== filter.entity) return false;
  if (user !== undefined && !(entity === 'user' && record.user === user)) return false;
  if (series !== undefined && !(entity === 'series' && seriesName(record) === series)) return false;
  if (model !== undefined && !(entity === 'user' && foundBy(record).includes(model))) return false;
  const ts = timeOf(anomaly);
  return (from === undefined || ts >= from) && (to === undefined || ts < to);
}

/** Whether an entry of the stream can be of the user who is asked for: no decoding is needed to say no. */
export const mayMatch = (packed: Buffer | undefined, { user }: AnomalyFilter): boolean =>
  user === undefined || packed?.includes(user) === true;

export function matchesText(anomaly: AnomalyEntry, { text }: AnomalyFilter): boolean {
  if (text === undefined) return true;
  const where = textsOf(anomaly).join('\n').toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => where.includes(word));
}

function textsOf(anomaly: AnomalyEntry): string[] {
  if (anomaly.entity === 'series') return [seriesName(anomaly.record), idOf(anomaly)];
  const { record, explanation } = anomaly;
  const summaries = typeof explanation === 'string' ? [] : Object.values(explanation.summaries);
  return [record.user, idOf(anomaly), record.release, ...summaries];
}
