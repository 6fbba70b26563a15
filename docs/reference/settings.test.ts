import { baseEnvironment } from '@liminal/shared/runtime/base-config';
import { DEFAULT_PASSWORD } from '@liminal/shared/runtime/secrets';
import { traceEnvironment } from '@liminal/shared/runtime/trace-settings';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { readmeOf, readText, rowsOf, sectionOf } from './repository.ts';
import { SERVICE_DECLARATIONS } from './service-catalogue.ts';

const COMPOSE_FILE = 'docker-compose.ml.yml';
const BASE = Object.keys(baseEnvironment(0));

/** What holds when the variable is not set, as the environment would say it; '' for nothing. */
function defaultOf(schema: z.core.$ZodType): string {
  const value = z.safeParse(schema, undefined).data;
  return value === undefined ? '' : String(value);
}

describe.each(SERVICE_DECLARATIONS)('settings of $name', ({ name, environment }) => {
  const readme = readmeOf(name);

  it('stand in its README, each with its default', () => {
    const own = Object.entries(environment).filter(([setting]) => !BASE.includes(setting));
    const listed = rowsOf(readme, 'Settings').map(([setting, value]) => [setting, value]);
    expect(listed).toEqual(own.map(([setting, schema]) => [setting, defaultOf(schema)]));
  });

  it('stand in its README, those of every service by name', () => {
    const section = sectionOf(readme, 'Settings');
    expect(BASE.filter((setting) => !section.includes(`\`${setting}\``))).toEqual([]);
  });
});

describe('settings of tracing', () => {
  it('stand in docs/tracing.md, each with its default', () => {
    const listed = rowsOf(readText('docs/tracing.md'), 'Settings').map(([setting, value]) => [setting, value]);
    expect(listed).toEqual(Object.entries(traceEnvironment).map(([setting, schema]) => [setting, defaultOf(schema)]));
  });
});

const composeSchema = z.object({
  services: z.record(z.string(), z.object({ environment: z.record(z.string(), z.coerce.string()).default({}) })),
});
const compose = composeSchema.parse(parse(readText(COMPOSE_FILE), { merge: true }));
/** Of the numeric libraries, which read them by themselves. */
const READ_BY_LIBRARIES = ['OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'];
const VARIABLE = /\$\{([A-Z_]+)(?::-([^}]*))?\}/g;

describe('settings of Compose', () => {
  it('stand in .env.example, each with its default, and no others', () => {
    const used = [...readText(COMPOSE_FILE).matchAll(VARIABLE)].map(([, name, value]) => `${name}=${value ?? ''}`);
    const offered = [...readText('.env.example').matchAll(/^[A-Z_]+=.*$/gm)].map(([line]) => line);
    expect(offered.toSorted()).toEqual([...new Set(used)].sort());
  });

  it.each(SERVICE_DECLARATIONS)('pass on to $name what the runbooks tell to change', ({ name, environment }) => {
    const told = ['docs/runbooks.md', 'docs/errors.md', 'docs/operations.md'].map(readText).join('\n');
    const named = Object.keys(environment).filter(
      (setting) => told.includes(`\`${setting}`) && !BASE.includes(setting),
    );
    expect(named.filter((setting) => !(setting in compose.services[name]!.environment))).toEqual([]);
  });

  it.each(SERVICE_DECLARATIONS)('are settings of $name where they are passed to it', ({ name, environment }) => {
    const passed = compose.services[name]!.environment;
    const known = [...Object.keys(environment), ...READ_BY_LIBRARIES];
    expect(Object.keys(passed).filter((setting) => !known.includes(setting))).toEqual([]);
    // What is passed under its own name has the same default with and without Compose, which alone has default passwords.
    for (const [setting, text] of Object.entries(passed)) {
      const [, variable, value] = text.matchAll(VARIABLE).next().value ?? [];
      if (variable === setting && value !== DEFAULT_PASSWORD)
        expect(value, setting).toBe(defaultOf(environment[setting]!));
    }
  });
});
