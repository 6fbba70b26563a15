import { dashboard, row } from './dashboard.ts';
import { above, NO_LIMIT } from './limits.ts';
import { next, runbook } from './links.ts';
import { bars, graph } from './panels.ts';
import { ROUTE, SERVICE } from './variables.ts';

const CHOSEN = 'job=~"$service", route=~"$route"';
/** What people and senders ask for; not what watches the services. */
const ASKED = `${CHOSEN}, route!~"/metrics|/health|/ready"`;
const requests = (selector: string, labels: string, window = '$__rate_interval'): string =>
  `sum by (${labels}) (rate(liminal_http_request_duration_seconds_count{${selector}}[${window}]))`;
const slowest = (selector: string, labels: string, window = '$__rate_interval'): string =>
  `histogram_quantile(0.99, sum by (le, ${labels}) (rate(liminal_http_request_duration_seconds_bucket{${selector}}[${window}])))`;

export const http = () =>
  dashboard('http', {
    description:
      'Requests to the five services: how many, how fast, how many fail. Scrapes and health checks are shown by themselves.',
    variables: [SERVICE, ROUTE],
    rows: [
      row('Services', [
        graph('Requests per second', {
          description: 'By service, without scrapes and health checks.',
          unit: 'reqps',
          queries: { '{{job}}': requests(ASKED, 'job') },
          limits: NO_LIMIT,
          links: [next('pipeline')],
        }),
        graph('Share of failed requests', {
          description:
            'Answers with a status of 500 or above among all answers, by service. 503 of POST /events is back-pressure: the sender sends again.',
          unit: 'percentunit',
          min: 0,
          queries: {
            '{{job}}': `(${requests(`${ASKED}, status=~"5.."`, 'job')} or 0 * ${requests(ASKED, 'job')}) / (${requests(ASKED, 'job')} > 0)`,
          },
          limits: above(0.001, 0.05),
          links: [runbook('LiminalInternalErrors'), next('infrastructure')],
          whenEmpty: 'no requests',
        }),
        graph('Time to answer, p99', {
          description: 'From the arrival of a request to the end of its answer, by service.',
          unit: 's',
          queries: { '{{job}}': slowest(ASKED, 'job') },
          limits: above(0.25, 1),
          links: [next('infrastructure')],
        }),
      ]),
      row('Routes', [
        bars('Busiest routes', {
          description: 'The ten routes with the most requests per second, over five minutes.',
          unit: 'reqps',
          min: 0,
          queries: { '{{job}} {{method}} {{route}}': `topk(10, ${requests(ASKED, 'job, method, route', '5m')})` },
          limits: NO_LIMIT,
          links: [next('pipeline')],
        }),
        bars('Slowest routes', {
          description: 'The ten routes with the highest 99th percentile, over five minutes.',
          unit: 's',
          min: 0,
          queries: { '{{job}} {{method}} {{route}}': `topk(10, ${slowest(ASKED, 'job, method, route', '5m')} > 0)` },
          limits: above(0.25, 1),
          links: [next('infrastructure')],
        }),
        graph('Answers by status', {
          description:
            'Of the chosen services and routes. 4xx is what the callers did wrong, 5xx what we could not do.',
          unit: 'reqps',
          queries: { '{{status}}': requests(ASKED, 'status') },
          limits: NO_LIMIT,
          links: [next('overview')],
          stacked: true,
        }),
      ]),
      row('What watches the services', [
        graph('Health checks and scrapes per second', {
          description: 'By route and status. 503 of /ready: the service is up, but waits for something it needs.',
          unit: 'reqps',
          queries: {
            '{{route}} {{status}}': requests('job=~"$service", route=~"/metrics|/health|/ready"', 'route, status'),
          },
          limits: NO_LIMIT,
          links: [runbook('LiminalServiceNotReady'), next('infrastructure')],
        }),
        graph('Internal errors', {
          description:
            'Requests that ended with an unexpected error, status 500, in the five minutes before. Each is a defect: the log of the service has its stack.',
          unit: 'short',
          queries: { '{{job}}': `sum by (job) (increase(liminal_http_internal_errors_total{job=~"$service"}[5m]))` },
          limits: above(1),
          links: [runbook('LiminalInternalErrors'), next('infrastructure')],
        }),
        graph('Time of a scrape', {
          description: 'How long Prometheus waits for the metrics of each service. It gives up after 8 s.',
          unit: 's',
          queries: { '{{job}}': 'max by (job) (scrape_duration_seconds{job=~"$service"})' },
          limits: above(1, 5),
          links: [next('infrastructure')],
        }),
      ]),
    ],
  });
