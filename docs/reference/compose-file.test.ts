import { describe, expect, it } from 'vitest';
import { isMap, isScalar, parse, parseDocument } from 'yaml';
import { z } from 'zod';
import { readText } from './repository.ts';

const COMPOSE_FILE = 'docker-compose.ml.yml';
const VARIABLE = /\$\{([A-Z_]+)(?::-([^}]*))?\}/g;

const stanzaSchema = z.strictObject({
  image: z.string(),
  build: z.object({ context: z.literal('.'), args: z.object({ SERVICE: z.string(), PORT: z.number() }) }).optional(),
  profiles: z.array(z.string()).optional(),
  user: z.string().optional(),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string().or(z.number())).optional(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  tmpfs: z.array(z.string()).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z
    .object({
      test: z.array(z.string()).min(2),
      interval: z.string(),
      timeout: z.string(),
      start_period: z.string(),
      retries: z.number(),
    })
    .optional(),
  mem_limit: z.string(),
  cpus: z.string(),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
  stop_grace_period: z.string().optional(),
  restart: z.literal('unless-stopped'),
  logging: z.object({
    driver: z.literal('json-file'),
    options: z.object({ 'max-size': z.string(), 'max-file': z.string() }),
  }),
});

const text = readText(COMPOSE_FILE);
const { services, volumes } = z
  .object({ services: z.record(z.string(), stanzaSchema), volumes: z.record(z.string(), z.null()) })
  .parse(parse(text, { merge: true }));
const stanzas = Object.entries(services);
/** With every variable at its default. */
const resolved = (value: string): string => value.replaceAll(VARIABLE, (_, __, fallback: string) => fallback ?? '');

/** The keys of a stanza as they are written, in their order. */
function writtenKeys(service: string): string[] {
  const stanza = parseDocument(text).getIn(['services', service]);
  if (!isMap(stanza)) throw new Error(`${service} is no map`);
  return stanza.items.map(({ key }) => (isScalar(key) ? String(key.value) : String(key)));
}

const ORDER = [
  '<<',
  'image',
  'build',
  'profiles',
  'user',
  'entrypoint',
  'command',
  'environment',
  'ports',
  'volumes',
  'depends_on',
  'healthcheck',
  'mem_limit',
  'cpus',
  'stop_grace_period',
];

/** The stores, those who ask nobody, and those that the gateway publishes: of several replicas only one could. */
const UNPUBLISHED = ['redis', 'minio', 'redis-exporter', 'simulator', 'backend', 'feature-extractor', 'predictor'];

describe('the Compose file', () => {
  it('has the services of the suite, their stores and their monitoring', () => {
    expect(Object.keys(services).toSorted()).toEqual([
      'alertmanager',
      'auto-retrainer',
      'backend',
      'feature-extractor',
      'gateway',
      'grafana',
      'kenning',
      'minio',
      'predictor',
      'prometheus',
      'redis',
      'redis-exporter',
      'simulator',
    ]);
  });

  it.each(stanzas)('%s is written in the order of all', (name) => {
    const keys = writtenKeys(name);
    expect(keys).toEqual(ORDER.filter((key) => keys.includes(key)));
  });

  it.each(stanzas)('%s runs an image of a fixed version that is a setting', (_, { image }) => {
    expect(image).toMatch(/\$\{[A-Z_]+:-/);
    expect(resolved(image)).toMatch(/:(?!latest$)[\w.-]*\d[\w.-]*$/);
  });

  it.each(stanzas)('%s can do no more than it needs', (name, { cap_drop, security_opt, read_only, tmpfs, build }) => {
    expect({ cap_drop, security_opt }).toEqual({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    expect(read_only, 'whether the root file system is read-only').toBe(!['minio', 'grafana'].includes(name));
    if (build) expect({ read_only, tmpfs }).toEqual({ read_only: true, tmpfs: ['/tmp'] });
  });

  it.each(stanzas)('%s publishes nothing beyond this machine unless it is told to', (name, { ports }) => {
    for (const port of ports) expect(port).toMatch(/^\$\{BIND_ADDRESS:-127\.0\.0\.1\}:\$\{[A-Z_]+_PORT:-(\d+)\}:\1$/);
    expect(ports.length > 0, 'whether it publishes ports').toBe(!UNPUBLISHED.includes(name));
  });

  it.each(stanzas)('%s says whether it is well, and waits for those that do', (name, { healthcheck, depends_on }) => {
    // The simulator serves nobody.
    expect(healthcheck !== undefined).toBe(name !== 'simulator');
    for (const [other, { condition }] of Object.entries(depends_on)) {
      // The gateway opens the ports; nothing needs it.
      expect([other, condition]).toEqual([other, other === 'gateway' ? 'service_started' : 'service_healthy']);
    }
  });

  it.each(stanzas)('%s keeps what it writes in volumes with a name', (_, { volumes: mounts }) => {
    const named = mounts.filter((mount) => !mount.startsWith('./'));
    expect(named.filter((mount) => !(mount.split(':')[0]! in volumes))).toEqual([]);
    expect(mounts.filter((mount) => mount.startsWith('./') && !mount.endsWith(':ro'))).toEqual([]);
  });
});

describe('the image of the suite', () => {
  const dockerfile = readText('Dockerfile');
  const { version } = JSON.parse(readText('package.json')) as { version: string };

  it('has the version of the suite', () => {
    for (const [name, { image, build }] of stanzas) {
      if (build) expect(resolved(image)).toBe(`liminal/${name}:${version}`);
    }
  });

  it('is built from Node of a fixed version, without what only BuildKit understands', () => {
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
    expect(new Set(bases)).toEqual(new Set([expect.stringMatching(/^node:24\.\d+\.\d+-bookworm-slim$/), 'scratch']));
    expect(dockerfile).not.toMatch(/--mount|<<|--link|--parents|--chmod|^# syntax/m);
  });

  it('is one user without privileges, and the ports of the services are its own', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    const ports = Object.fromEntries(stanzas.flatMap(([name, { build }]) => (build ? [[name, build.args.PORT]] : [])));
    expect(ports).toMatchObject({
      backend: 8000,
      'feature-extractor': 8001,
      predictor: 8002,
      'auto-retrainer': 8003,
      kenning: 5000,
    });
  });
});
