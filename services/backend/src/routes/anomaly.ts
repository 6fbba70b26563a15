import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import { languageSchema } from '@liminal/shared/contracts/explanation';
import { namedFeatures, namedFeaturesSchema, severitySchema } from '@liminal/shared/contracts/prediction';
import type { PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { verdictSchema } from '@liminal/shared/contracts/verdict';
import { errorBodySchema, type HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import { listedAnomalySchema, toItem } from '../anomalies/anomaly-json.ts';
import { loadMinutes } from '../anomalies/load-minutes.ts';
import { errors } from '../errors.ts';
import { isShown } from '../incidents/incident.ts';
import { listedIncidentSchema, toListedIncident } from '../incidents/incident-json.ts';
import { readIncidents, readIndex } from '../incidents/incident-store.ts';
import { findAnomaly } from '../queries/anomalies.ts';
import { isStale } from '../queries/staleness.ts';
import { readUserHistory } from '../queries/user-history.ts';
import { verdictsOf } from '../queries/verdicts.ts';
import { type ScoringReleases, scoringReleaseSchema } from '../releases/scoring-release.ts';
import { anomalyParamsSchema } from '../requests/anomaly-params.ts';

const historySchema = z.object({
  recent: z
    .array(
      z.object({
        ts: z.int().describe('Event time of the vector, ms since the epoch'),
        seq: z.int(),
        features: namedFeaturesSchema,
        pValue: z.number(),
        severity: severitySchema,
      }),
    )
    .describe('The last predictions of the user that are still kept, newest first, 50 at most'),
  usual: z
    .array(namedFeaturesSchema)
    .describe('Earlier vectors of the user that raised no alarm, newest first, further apart the further back'),
  load: z
    .array(
      z.object({
        ts: z.int().describe('Start of the minute, event time, ms since the epoch'),
        requests: z.number().nullable().describe('null = not known'),
      }),
    )
    .describe('Requests of the user in the 33 minutes before the anomaly and in those since, as far as they are kept'),
});

const detailSchema = z.object({
  anomaly: listedAnomalySchema,
  history: historySchema.nullable().describe('Of its user; null for anomalies of series, which carry theirs'),
  release: z
    .union([scoringReleaseSchema, z.object({ id: z.string(), missing: z.string().describe('Why it can not be told') })])
    .nullable()
    .describe('The release that scored it; null for anomalies of series'),
  incidents: z
    .array(listedIncidentSchema)
    .describe('Those that it belongs to; an anomaly of the last second is in none yet'),
  verdicts: z.array(verdictSchema).describe('All that was said of it, oldest first: the last one counts'),
});

export interface AnomalyRouteOptions {
  redis: Redis;
  partitions: number;
  releases: ScoringReleases;
  predictionTtlSeconds: number;
  now(): number;
  logger: Logger;
}

export function addAnomalyRoute(http: HttpServer, options: AnomalyRouteOptions): void {
  const { redis, partitions, releases, predictionTtlSeconds, now, logger } = options;
  http.get(
    '/ml/anomalies/:id',
    {
      schema: {
        tags: ['anomalies'],
        summary: 'All that is known about one anomaly',
        params: anomalyParamsSchema,
        querystring: z.strictObject({ lang: languageSchema.default('en').describe('Of the summary') }),
        response: { 200: detailSchema, 400: errorBodySchema, 404: errorBodySchema },
      },
    },
    async ({ params: { id }, query: { lang } }) => {
      const judged = await verdictsOf(redis, id);
      // The stream forgets; what was judged is kept with its verdict.
      const anomaly = (await findAnomaly(redis, id, logger)) ?? judged[0]?.anomaly;
      if (anomaly === undefined) throw errors('LIMINAL_ERR_ANOMALY_UNKNOWN', { anomaly: id });
      const verdicts = judged.map(({ verdict }) => verdict);
      return {
        anomaly: {
          ...toItem(anomaly, lang),
          stale: isStale(anomaly.record, now(), predictionTtlSeconds),
          verdict: verdicts.at(-1)?.verdict ?? null,
        },
        ...(await contextOf(anomaly)),
        incidents: await incidentsOf(id),
        verdicts,
      };
    },
  );

  async function contextOf(anomaly: AnomalyEntry) {
    if (anomaly.entity === 'series') return { history: null, release: null };
    const { record } = anomaly;
    const [history, release] = await Promise.all([historyOf(record), releases.read(record.release)]);
    return { history, release: { id: record.release, ...release } };
  }

  async function incidentsOf(id: string): Promise<z.infer<typeof listedIncidentSchema>[]> {
    const ids = (await readIndex(redis, [id])).get(id)?.incidents ?? [];
    const incidents = [...(await readIncidents(redis, ids)).values()].filter(isShown);
    return incidents.map((incident) => toListedIncident(incident, now()));
  }

  async function historyOf(record: PredictionRecord): Promise<z.infer<typeof historySchema>> {
    const { newest, usual, recent } = await readUserHistory(redis, record.user, partitions);
    return {
      recent: recent.map(({ ts, seq, values, pValue, severity }) => {
        return { ts, seq, features: namedFeatures(values), pValue, severity };
      }),
      usual: usual.map(namedFeatures),
      load: loadMinutes(record, newest),
    };
  }
}
