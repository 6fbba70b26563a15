import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { baseEnvironment, ConfigError, parseEnvironment } from '@liminal/shared/runtime/base-config';
import { z } from 'zod';
import { SERVICE_NAMES, SERVICES, type ServiceName } from './services.ts';

/** Where a suite of local processes runs. */
export interface SuiteSettings {
  /** Directory of everything the suite keeps, absolute. */
  home: string;
  host: string;
  redisPort: number;
  ports: Readonly<Record<ServiceName, number>>;
  modelStoreUrl: string;
  partitions: number;
  logLevel: string;
  /** Everything else the services are to see, as it came. */
  env: NodeJS.ProcessEnv;
}

/** What to do once the suite runs. */
export type Feed = { kind: 'none' } | { kind: 'simulate' } | { kind: 'replay'; files: string[] };

export interface LauncherConfig {
  suite: SuiteSettings;
  feed: Feed;
  /** Seed of the simulator; the one of the earlier runs in this home, or 1, unless given. */
  seed: number | undefined;
}

const port = (fallback: number) => z.coerce.number().int().min(1).max(65535).default(fallback);
const { HOST, LOG_LEVEL, PARTITIONS } = baseEnvironment(0);

const environment = {
  HOST,
  LOG_LEVEL,
  PARTITIONS,
  LIMINAL_HOME: z.string().min(1).default('.liminal').describe('Directory of everything that a local suite keeps'),
  REDIS_PORT: port(6390).describe('Port of the Redis that a local suite starts for itself'),
  KENNING_PORT: port(SERVICES.kenning.defaultPort),
  BACKEND_PORT: port(SERVICES.backend.defaultPort),
  FEATURE_EXTRACTOR_PORT: port(SERVICES['feature-extractor'].defaultPort),
  PREDICTOR_PORT: port(SERVICES.predictor.defaultPort),
  AUTO_RETRAINER_PORT: port(SERVICES['auto-retrainer'].defaultPort),
  MODEL_STORE_URL: z.string().min(1).optional().describe('Where models lie; in the home directory unless set'),
};

const flags = {
  simulate: { type: 'boolean' },
  replay: { type: 'string', multiple: true },
  home: { type: 'string' },
  'port-offset': { type: 'string' },
  seed: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const USAGE = `start [--simulate | --replay FILE…] [--home DIR] [--port-offset N] [--seed N]

Starts Redis and the five services as processes on this machine, and keeps them running until Ctrl-C.

  --simulate       feeds simulated traffic with labelled attacks, and shows what was found in it
  --replay FILE…   feeds logs (Combined Log Format, sshd auth log, NDJSON events), and shows what was found
  --home DIR       keeps models, data and logs there (LIMINAL_HOME, default .liminal)
  --port-offset N  adds N to every port, so that a second suite runs beside the first one
  --seed N         seed of the simulated traffic (default 1); a home keeps the seed it began with

Settings come from the environment as well: ${Object.keys(environment).join(', ')}.
What else the services read from the environment is passed through to them.
`;

const natural = (name: string, text: string | undefined, highest: number): number | undefined => {
  if (text === undefined) return undefined;
  const result = z.coerce.number().int().min(0).max(highest).safeParse(text);
  if (text.trim() !== '' && result.success) return result.data;
  throw new ConfigError(`${name} has to be a whole number from 0 to ${highest}, not "${text}"`);
};

function parseFlags(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: flags, allowPositionals: true });
  } catch (error) {
    throw new ConfigError(`${error instanceof Error ? error.message : String(error)}. Try --help`);
  }
}

function feedOf({ values, positionals }: ReturnType<typeof parseFlags>): Feed {
  if (values.replay !== undefined) {
    if (values.simulate) throw new ConfigError('--simulate and --replay exclude each other: start with one of them');
    // `--replay a.log b.log`: the flag takes the first name, the others follow it
    return { kind: 'replay', files: [...values.replay, ...positionals] };
  }
  if (positionals.length > 0) throw new ConfigError(`what is "${positionals[0]}"? Log files go after --replay`);
  return values.simulate ? { kind: 'simulate' } : { kind: 'none' };
}

/** Two parts that were given one port. */
function refuseSharedPorts(redisPort: number, ports: Record<ServiceName, number>): void {
  const named = [['REDIS_PORT', redisPort] as const, ...SERVICE_NAMES.map((name) => portOf(name, ports))];
  for (const [index, [setting, number]] of named.entries()) {
    const other = named.slice(0, index).find(([, taken]) => taken === number);
    if (other) throw new ConfigError(`${other[0]} and ${setting} are both ${number}: give them different ports`);
    if (number > 65535) throw new ConfigError(`${setting} is ${number} with --port-offset: ports end at 65535`);
  }
}

const portOf = (name: ServiceName, ports: Record<ServiceName, number>) =>
  [SERVICES[name].portSetting, ports[name]] as const;

/**
 * Reads the settings of a local suite: flags before environment before defaults.
 *
 * @returns 'help' when that was asked for
 * @throws ConfigError that names the setting and what is wrong with it
 */
export function loadConfig(env: NodeJS.ProcessEnv, argv: readonly string[]): LauncherConfig | 'help' {
  const parsed = parseFlags(argv);
  const { values } = parsed;
  if (values.help) return 'help';
  const settings = parseEnvironment(environment, env);
  const offset = natural('--port-offset', values['port-offset'], 60_000) ?? 0;
  const ports = Object.fromEntries(
    SERVICE_NAMES.map((name) => [name, settings[SERVICES[name].portSetting] + offset]),
  ) as Record<ServiceName, number>;
  const redisPort = settings.REDIS_PORT + offset;
  refuseSharedPorts(redisPort, ports);
  const home = resolve(values.home ?? settings.LIMINAL_HOME);
  return {
    suite: {
      home,
      host: settings.HOST,
      redisPort,
      ports,
      modelStoreUrl: settings.MODEL_STORE_URL ?? `file:${home}/models`,
      partitions: settings.PARTITIONS,
      logLevel: settings.LOG_LEVEL,
      env,
    },
    feed: feedOf(parsed),
    seed: natural('--seed', values.seed, 0xffff_ffff),
  };
}
