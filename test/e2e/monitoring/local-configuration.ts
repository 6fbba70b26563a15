import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { z } from 'zod';

const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url));

const configurationSchema = z.looseObject({
  rule_files: z.array(z.string()),
  alerting: z.looseObject({}),
  scrape_configs: z.array(z.looseObject({ job_name: z.string() })),
});
const rulesSchema = z.object({ groups: z.array(z.looseObject({ interval: z.string().optional() })) });

/**
 * Writes the configuration of Prometheus as it is deployed, but for where its targets are: `targets` has the address of each
 * job, `host:port`; jobs without one are left out and returned. Rules that are evaluated more rarely than the others
 * are evaluated as often.
 */
export async function writeLocalConfiguration(
  folder: string,
  targets: ReadonlyMap<string, string>,
): Promise<{ file: string; leftOut: string[] }> {
  const read = async (path: string): Promise<unknown> => parse(await readFile(path, 'utf8'));
  const configuration = configurationSchema.parse(await read(join(DEPLOY, 'prometheus/prometheus.yml')));
  const leftOut: string[] = [];
  configuration.scrape_configs = configuration.scrape_configs.flatMap((job) => {
    const address = targets.get(job.job_name);
    if (address === undefined) {
      leftOut.push(job.job_name);
      return [];
    }
    const { dns_sd_configs: _, ...rest } = job;
    return [{ ...rest, static_configs: [{ targets: [address] }] }];
  });
  configuration.alerting = { alertmanagers: [{ static_configs: [{ targets: [targets.get('alertmanager')] }] }] };

  const rules = join(folder, 'rules');
  await mkdir(rules, { recursive: true });
  await cp(join(DEPLOY, 'prometheus/rules'), rules, { recursive: true });
  for (const name of await readdir(rules)) {
    const { groups } = rulesSchema.parse(await read(join(rules, name)));
    for (const group of groups) delete group.interval;
    await writeFile(join(rules, name), stringify({ groups }));
  }
  const file = join(folder, 'prometheus.yml');
  await writeFile(file, stringify(configuration));
  return { file, leftOut };
}

export const ALERTMANAGER_CONFIGURATION = join(DEPLOY, 'alertmanager/alertmanager.yml');
