import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { readText } from '../../docs/reference/repository.ts';
import { MonitoringProcess } from './monitoring-process.ts';

const RULES = fileURLToPath(new URL('../../deploy/prometheus/rules', import.meta.url));

const configSchema = z.looseObject({
  alerting: z.object({ alertmanagers: z.array(z.looseObject({})) }),
  scrape_configs: z.array(z.looseObject({ job_name: z.string() })),
});

/**
 * The real Prometheus with the configuration and rules of the repository. Only addresses are other ones: `targets` by
 * job, HOST:PORT each. A job without any is left out.
 */
export function startPrometheus(
  program: string,
  targets: Readonly<Record<string, string[]>>,
  alertmanager: string | undefined,
): Promise<MonitoringProcess> {
  return MonitoringProcess.start(async (directory, port) => {
    const own: Record<string, string[]> = { prometheus: [`127.0.0.1:${port}`], ...targets };
    const config = configSchema.parse(parse(readText('deploy/prometheus/prometheus.yml')));
    config.alerting.alertmanagers =
      alertmanager === undefined ? [] : [{ static_configs: [{ targets: [new URL(alertmanager).host] }] }];
    config.scrape_configs = config.scrape_configs
      .filter(({ job_name }) => own[job_name] !== undefined)
      .map(({ dns_sd_configs: _, static_configs: __, ...job }) => ({
        ...job,
        static_configs: [{ targets: own[job.job_name] }],
      }));
    await cp(RULES, join(directory, 'rules'), { recursive: true });
    await writeFile(join(directory, 'prometheus.yml'), stringify(config));
    const args = [
      `--config.file=${directory}/prometheus.yml`,
      `--storage.tsdb.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    return { program, args };
  }, '/-/ready');
}

const alertsSchema = z.object({
  data: z.object({
    alerts: z.array(
      z.object({
        state: z.enum(['pending', 'firing']),
        labels: z.record(z.string(), z.string()),
        annotations: z.record(z.string(), z.string()),
      }),
    ),
  }),
});
export type ActiveAlert = z.infer<typeof alertsSchema>['data']['alerts'][number];

export async function activeAlerts(prometheus: MonitoringProcess): Promise<ActiveAlert[]> {
  const response = await fetch(`${prometheus.url}/api/v1/alerts`);
  return alertsSchema.parse(await response.json()).data.alerts;
}
