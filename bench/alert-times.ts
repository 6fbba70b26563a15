import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { S3_TEST_CREDENTIALS, type S3TestServer, startS3Server } from '@liminal/shared/testing/s3-server';
import { alertmanagerProgram, startAlertmanager, WebhookReceiver } from '../test/alerts/local-alertmanager.ts';
import { type ActiveAlert, activeAlerts, startPrometheus } from '../test/alerts/local-prometheus.ts';
import { startRedisExporter } from '../test/alerts/local-redis-exporter.ts';
import type { MonitoringProcess } from '../test/alerts/monitoring-process.ts';
import { findProgram } from '../test/alerts/promtool.ts';
import { type ServiceName, ServiceProcess } from '../test/e2e/service-process.ts';
import { markdownTable, type TableRow } from './markdown-table.ts';

export const name = 'alert times: from a fault to the alert and to the webhook, the suite under a real Prometheus';

const SERVICES = ['kenning', 'predictor', 'feature-extractor', 'auto-retrainer', 'backend'] as const;
const RUNBOOKS = new URL('../docs/runbooks.md', import.meta.url);
const POLL_MS = 500;
const FIRES_WITHIN_MS = 10 * 60_000;
const QUIET_WITHIN_MS = 10 * 60_000;
/** The traffic is made up, and few users are no sample: what it sets off is not of the fault. */
const ABOUT_TRAFFIC = /^Liminal(?:Anomaly|Drift|PredictionLatency)/;
/** After the alert that was waited for, to see what else comes of the fault. */
const AFTERMATH_MS = 15_000;

interface Fault {
  what: string;
  /** The alert that has to come of it. */
  alert: string;
  job: string;
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
}

/**
 * Stops everything in turn and prints how long it takes to the alert; `ALERT_TIMES_WRITE=1` also writes the table of
 * docs/runbooks.md. About half an hour, most of it waiting; `ALERT_TIMES_FAULT=Redis` takes those faults alone.
 */
export async function run(): Promise<void> {
  const prometheusProgram = findProgram('prometheus');
  const program = alertmanagerProgram();
  if (prometheusProgram === undefined || program === undefined) {
    console.log('needs prometheus and alertmanager (Debian: prometheus, prometheus-alertmanager)');
    return;
  }
  await using cleanUp = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'liminal-alert-times-'));
  cleanUp.defer(() => rm(directory, { recursive: true, force: true }));
  const redis = cleanUp.use(await startTestRedis({ appendFsync: 'everysec' }));
  const store = cleanUp.adopt(await startS3Server(), (server) => server.close());
  const services = await startServices(directory, redis, store, cleanUp);
  const webhook = cleanUp.use(await WebhookReceiver.start());
  const alertmanager = cleanUp.use(await startAlertmanager(program, webhook.url));
  const targets = {
    ...Object.fromEntries(services.map(({ name, url }) => [name, [new URL(url).host]])),
    alertmanager: [new URL(alertmanager.url).host],
    ...(await exporterTarget(redis, cleanUp)),
  };
  const prometheus = cleanUp.use(await startPrometheus(prometheusProgram, targets, alertmanager.url));
  const sending = sendEvents(services.find((service) => service.name === 'backend')!);
  cleanUp.defer(() => sending.stop());

  await quiet(prometheus);
  const rows: TableRow[] = [];
  const chosen = faults(services, redis, store).filter(({ what }) =>
    what.includes(process.env.ALERT_TIMES_FAULT ?? ''),
  );
  for (const fault of chosen) {
    const row = await measure(fault, prometheus, webhook);
    rows.push(row);
    console.log(markdownTable([row]).at(-1));
    await quiet(prometheus);
  }
  const table = markdownTable(rows).join('\n');
  console.log(`\n${table}`);
  if (process.env.ALERT_TIMES_WRITE === '1') await writeTable(table);
}

function faults(services: readonly ServiceProcess[], redis: TestRedis, store: S3TestServer): Fault[] {
  const of = (name: ServiceName): ServiceProcess => services.find((service) => service.name === name)!;
  return [
    ...SERVICES.map((job) => ({
      what: `${job} stopped`,
      alert: 'LiminalServiceDown',
      job,
      begin: () => of(job).stop(),
      end: () => startAgain(of(job)),
    })),
    {
      what: 'predictor hangs (SIGSTOP)',
      alert: 'LiminalServiceDown',
      job: 'predictor',
      begin: async () => of('predictor').freeze(),
      end: async () => of('predictor').thaw(),
    },
    {
      what: 'Redis killed',
      alert: 'LiminalRedisDown',
      job: 'redis',
      begin: () => redis.kill(),
      end: () => redis.restart(),
    },
    {
      what: 'Redis hangs (SIGSTOP)',
      alert: 'LiminalRedisDown',
      job: 'redis',
      begin: async () => process.kill(redis.pid, 'SIGSTOP'),
      end: async () => process.kill(redis.pid, 'SIGCONT'),
    },
    {
      what: 'model store stopped',
      alert: 'LiminalModelStoreUnreachable',
      job: 'minio',
      begin: () => store.stop(),
      end: () => store.restart(),
    },
  ];
}

const isOfFault = ({ alertname, severity }: Record<string, string>): boolean =>
  severity !== 'info' && !ABOUT_TRAFFIC.test(alertname!);

/** Nothing is measured of this, and a busy machine takes its time. */
async function startAgain(service: ServiceProcess): Promise<void> {
  try {
    await service.start();
  } catch (error) {
    console.log(`${service.name} takes long to start: ${String(error).split('\n')[0]}`);
    await service.ready();
  }
}

async function measure(fault: Fault, prometheus: MonitoringProcess, webhook: WebhookReceiver): Promise<TableRow> {
  const since = performance.now();
  const seconds = (at: number | undefined): string => (at === undefined ? '–' : `${Math.round((at - since) / 1000)} s`);
  const isIt = (labels: Record<string, string>): boolean =>
    labels.alertname === fault.alert && labels.job === fault.job;
  let [pendingAt, firingAt, toldAt]: (number | undefined)[] = [];
  let severity = '';
  const others = new Set<string>();
  await fault.begin();
  while (firingAt === undefined || toldAt === undefined || performance.now() < firingAt + AFTERMATH_MS) {
    if (performance.now() > since + FIRES_WITHIN_MS) break;
    for (const { state, labels } of await activeAlerts(prometheus)) {
      if (isIt(labels)) {
        pendingAt ??= performance.now();
        if (state === 'firing' && firingAt === undefined) {
          firingAt = performance.now();
          severity = labels.severity!;
        }
      } else if (state === 'firing' && isOfFault(labels)) {
        others.add(`${labels.alertname} (${labels.job})`);
      }
    }
    toldAt ??= webhook.told.find(({ at, status, labels }) => at > since && status === 'firing' && isIt(labels))?.at;
    await sleep(POLL_MS);
  }
  const alsoTold = new Set(
    webhook.told
      .filter(({ at, status, labels }) => at > since && status === 'firing' && !isIt(labels) && isOfFault(labels))
      .map(({ labels }) => `${labels.alertname} (${labels.job})`),
  );
  await fault.end();
  return {
    fault: fault.what,
    alert: `${fault.alert}, ${severity}`,
    'first seen': seconds(pendingAt),
    firing: seconds(firingAt),
    'webhook told': seconds(toldAt),
    'fired as well, told nobody': [...others].filter((other) => !alsoTold.has(other)).join(', ') || '–',
    'told as well': [...alsoTold].join(', ') || '–',
  };
}

/** Waits until nothing that anybody is told of is pending or firing, for three scrapes. */
async function quiet(prometheus: MonitoringProcess): Promise<void> {
  const deadline = performance.now() + QUIET_WITHIN_MS;
  let quietSince: number | undefined;
  let loud: ActiveAlert[] = [];
  while (quietSince === undefined || performance.now() < quietSince + 30_000) {
    loud = (await activeAlerts(prometheus)).filter(({ labels }) => isOfFault(labels));
    quietSince = loud.length > 0 ? undefined : (quietSince ?? performance.now());
    if (performance.now() > deadline) {
      const names = loud.map(({ state, annotations }) => `${annotations.summary} (${state})`);
      throw new Error(`does not become quiet: ${names.join('; ')}`);
    }
    await sleep(POLL_MS);
  }
}

async function startServices(
  directory: string,
  redis: TestRedis,
  store: S3TestServer,
  cleanUp: AsyncDisposableStack,
): Promise<ServiceProcess[]> {
  const env = {
    REDIS_URL: redis.url,
    MODEL_STORE_URL: store.urlOf('liminal-models'),
    MODEL_STORE_ACCESS_KEY: S3_TEST_CREDENTIALS.accessKey,
    MODEL_STORE_SECRET_KEY: S3_TEST_CREDENTIALS.secretKey,
    RELEASE_SIGNING_KEY_FILE: join(directory, 'private.pem'),
    RELEASE_PUBLIC_KEY_FILE: join(directory, 'public.pem'),
    OMP_NUM_THREADS: '1',
  };
  const services: ServiceProcess[] = [];
  for (const service of SERVICES) {
    services.push(cleanUp.adopt(await ServiceProcess.start(service, env), (started) => started.kill()));
  }
  for (const service of services) await service.ready();
  return services;
}

async function exporterTarget(redis: TestRedis, cleanUp: AsyncDisposableStack): Promise<Record<string, string[]>> {
  const program = findProgram('prometheus-redis-exporter', 'redis_exporter');
  if (program === undefined) throw new Error('needs redis_exporter (Debian: prometheus-redis-exporter)');
  const exporter = cleanUp.use(await startRedisExporter(program, redis.url));
  return { redis: [new URL(exporter.url).host] };
}

/** Light traffic of two users; what is refused is not sent again. */
function sendEvents(backend: ServiceProcess): { stop(): Promise<void> } {
  let isOn = true;
  const sending = (async () => {
    for (let call = 0; isOn; call++) {
      const [user, ip] = [`user-${call % 2}`, `192.0.2.${call % 2}`];
      const event = {
        kind: 'request',
        ts: Date.now(),
        user,
        ip,
        method: 'GET',
        route: '/',
        status: 200,
        durationMs: 12,
      };
      const headers = { 'content-type': 'application/json' };
      await fetch(`${backend.url}/events`, { method: 'POST', headers, body: JSON.stringify(event) })
        .then((response) => response.arrayBuffer())
        .catch(() => undefined); // away, which is what is measured
      await sleep(POLL_MS);
    }
  })();
  return {
    stop: async () => {
      isOn = false;
      await sending;
    },
  };
}

async function writeTable(table: string): Promise<void> {
  const page = await readFile(RUNBOOKS, 'utf8');
  const written = page.replace(
    /(<!-- alert-times -->\n)[\s\S]*?(<!-- \/alert-times -->)/,
    (_, before: string, after: string) => `${before}${table}\n${after}`,
  );
  await writeFile(RUNBOOKS, written);
}
