import { optimisationReportSchema, reportIdSchema } from '@liminal/shared/contracts/optimisation-report';
import type { HttpServer } from '@liminal/shared/runtime/http-server';
import { z } from 'zod';
import { errors } from '../errors.ts';
import type { ReportStore } from '../optimisation/report-store.ts';
import { orStoreAway } from './releases.ts';

const paramsSchema = z.object({ report: reportIdSchema });

export function addReportRoutes(http: HttpServer, reports: ReportStore): void {
  http.get(
    '/reports',
    {
      schema: {
        tags: ['reports'],
        summary: 'Ids of the reports on optimised models, newest first',
        response: { 200: z.object({ reports: z.array(z.string()) }) },
      },
    },
    async () => ({ reports: await orStoreAway(() => reports.list()) }),
  );

  http.get(
    '/reports/:report',
    {
      schema: {
        tags: ['reports'],
        summary: 'Variants of the models of a release beside the originals: size, latency, difference of the scores',
        params: paramsSchema,
        response: { 200: optimisationReportSchema },
      },
    },
    async ({ params }) => {
      const report = await orStoreAway(() => reports.report(params.report));
      if (report === null) throw errors('LIMINAL_ERR_REPORT_UNKNOWN', { report: params.report });
      return report;
    },
  );

  http.get(
    '/reports/:report/html',
    { schema: { tags: ['reports'], summary: 'The same as a page with plots, whole in itself', params: paramsSchema } },
    async ({ params }, reply) => {
      const html = await orStoreAway(() => reports.html(params.report));
      if (html === null) throw errors('LIMINAL_ERR_REPORT_UNKNOWN', { report: params.report });
      return reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
        .header('cache-control', 'public, max-age=31536000, immutable')
        .send(html);
    },
  );
}
