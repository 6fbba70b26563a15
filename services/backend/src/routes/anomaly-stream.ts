import { languageSchema } from '@liminal/shared/contracts/explanation';
import { errorBodySchema, type HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import { filterShape } from '../anomalies/anomaly-filter.ts';
import { streamIdSchema } from '../requests/stream-id.ts';
import type { AnomalyFeed } from '../stream/anomaly-feed.ts';
import { subscriptionOf } from '../stream/batch-encoder.ts';

const DESCRIPTION = `Events, each with its id:
- \`anomaly\`: one that passes, as in \`GET /ml/anomalies\`;
- \`gap\`: \`{after, oldestKept}\`: anomalies between the two may be missing, since they are kept no longer;
- \`end\`: \`{reason, lastEventId}\`: the stream ends; \`slow\`: the client did not keep up, \`stopping\`: the service stops, \`failed\`: Redis could not be read.
A client that comes back with the last id goes on where it was. Ids without an event are signs of life.`;

export function addAnomalyStreamRoute(http: HttpServer, feed: AnomalyFeed): void {
  // Streams are ended before the server waits for its connections to be done.
  http.addHook('preClose', async () => feed.close());
  http.get(
    '/ml/anomalies/stream',
    {
      exposeHeadRoute: false,
      config: { staysOpen: true },
      schema: {
        tags: ['anomalies'],
        summary: 'Anomalies as they come (Server-Sent Events), from now on or from an id on',
        description: DESCRIPTION,
        produces: ['text/event-stream'],
        headers: z.looseObject({
          'last-event-id': streamIdSchema.optional().describe('Id of the last event that the client has'),
        }),
        querystring: z.strictObject({
          ...filterShape,
          lang: languageSchema.default('en').describe('Of the summaries'),
          lastEventId: streamIdSchema.optional().describe('The same for clients that can not set the header'),
        }),
        response: { 200: z.string(), 400: errorBodySchema, 503: errorBodySchema },
      },
    },
    async ({ headers, query: { lang, lastEventId, ...filter } }, reply) => {
      feed.requireRoom();
      reply.hijack();
      feed.subscribe({
        response: reply.raw,
        subscription: subscriptionOf(filter, lang),
        // A browser that comes back keeps the address, and knows better in the header.
        lastEventId: headers['last-event-id'] ?? lastEventId,
      });
    },
  );
}
