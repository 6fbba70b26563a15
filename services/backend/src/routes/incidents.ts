import { languageSchema } from '@liminal/shared/contracts/explanation';
import { errorBodySchema, type HttpServer } from '@liminal/shared/runtime/http-server';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import { isPeriod, PERIOD_ISSUE, periodShape } from '../anomalies/anomaly-filter.ts';
import { listedAnomalySchema, toItem } from '../anomalies/anomaly-json.ts';
import { errors } from '../errors.ts';
import { INCIDENT_KINDS } from '../incidents/groups.ts';
import { INCIDENT_STATES } from '../incidents/incident.ts';
import { listedIncidentSchema, toListedIncident } from '../incidents/incident-json.ts';
import { MOST_LISTED } from '../incidents/incident-store.ts';
import { anomaliesOf, findIncident, findIncidents, INCIDENT_SCAN_LIMIT } from '../queries/incidents.ts';
import { isStale } from '../queries/staleness.ts';
import { cursorSchema, encodeCursor } from '../requests/cursor.ts';

const CURSOR_KIND = 'incidents';

const querySchema = z
  .strictObject({
    kind: z.enum(INCIDENT_KINDS).optional(),
    state: z.enum(INCIDENT_STATES).optional(),
    user: z
      .string()
      .min(1)
      .optional()
      .describe('Only incidents with anomalies of this user (of the first 200 of each)'),
    ip: z.string().min(1).optional().describe('Only incidents of this IP'),
    minRisk: z.coerce.number().min(0).max(99).optional().describe('Only incidents of at least this risk'),
    from: periodShape.from.describe('Only incidents that had an anomaly at this moment or later: ms or ISO 8601'),
    to: periodShape.to.describe('Only incidents that had begun before this moment: ms or ISO 8601'),
    limit: z.coerce.number().int().min(1).max(200).default(50),
    cursor: cursorSchema(CURSOR_KIND, z.tuple([z.number(), z.string().max(40)])).optional(),
  })
  .refine(isPeriod, PERIOD_ISSUE);

const pageSchema = z.object({
  incidents: z.array(listedIncidentSchema),
  next: z
    .string()
    .nullable()
    .describe(`cursor of the next page; null = no more. A page looks at ${INCIDENT_SCAN_LIMIT} incidents at most`),
});

const detailSchema = z.object({
  incident: listedIncidentSchema,
  anomalies: z
    .array(listedAnomalySchema)
    .describe(`The newest ${MOST_LISTED} of its anomalies that are still kept, newest first`),
});

export interface IncidentsRoutesOptions {
  redis: Redis;
  predictionTtlSeconds: number;
  now(): number;
  logger: Logger;
}

export function addIncidentsRoutes(http: HttpServer, options: IncidentsRoutesOptions): void {
  const { redis, predictionTtlSeconds, now, logger } = options;
  http.get(
    '/ml/incidents',
    {
      schema: {
        tags: ['incidents'],
        summary: 'Anomalies that belong together, by user, IP or scenario: the greatest risk first',
        querystring: querySchema,
        response: { 200: pageSchema, 400: errorBodySchema },
      },
    },
    async ({ query: { cursor, ...query } }) => {
      const at = now();
      const after = cursor && { rank: cursor[0], id: cursor[1] };
      const { incidents, next } = await findIncidents(redis, { ...query, after }, at);
      return {
        incidents: incidents.map((incident) => toListedIncident(incident, at)),
        next: next === null ? null : encodeCursor(CURSOR_KIND, [next.rank, next.id]),
      };
    },
  );

  http.get(
    '/ml/incidents/:id',
    {
      schema: {
        tags: ['incidents'],
        summary: 'An incident with its anomalies',
        params: z.object({ id: z.string().regex(/^[\w-]{20}$/, 'must be the id of an incident: 20 characters') }),
        querystring: z.strictObject({ lang: languageSchema.default('en').describe('Of the summaries') }),
        response: { 200: detailSchema, 400: errorBodySchema, 404: errorBodySchema },
      },
    },
    async ({ params: { id }, query: { lang } }) => {
      const incident = await findIncident(redis, id);
      if (incident === undefined) throw errors('LIMINAL_ERR_INCIDENT_UNKNOWN', { incident: id });
      const at = now();
      const found = await anomaliesOf(redis, id, logger);
      return {
        incident: toListedIncident(incident, at),
        anomalies: found.map(({ anomaly, verdict }) => ({
          ...toItem(anomaly, lang),
          stale: isStale(anomaly.record, at, predictionTtlSeconds),
          verdict: verdict?.verdict ?? null,
        })),
      };
    },
  );
}
