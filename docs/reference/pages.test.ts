import { readdirSync } from 'node:fs';
import { HTTP_ERRORS } from '@liminal/shared/runtime/errors';
import { describe, expect, it } from 'vitest';
import { SERVICE_METRICS } from './declared-metrics.ts';
import { PAGES } from './pages.ts';
import { readmeOf, readText, rowsOf } from './repository.ts';
import { SERVICE_DECLARATIONS } from './service-catalogue.ts';

describe('files written from the code', () => {
  it.each(Object.entries(PAGES))('%s is what `pnpm run docs` writes', (file, page) => {
    expect(readText(file)).toBe(page());
  });
});

describe('error codes', () => {
  const sources = (folder: string): string =>
    readdirSync(new URL(`../../${folder}`, import.meta.url), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.endsWith('errors.ts'))
      .map((file) => readText(`${folder}/${file}`))
      .join('\n');

  const catalogues = [
    { name: 'shared', folder: 'packages/shared/src/runtime', errors: HTTP_ERRORS },
    ...SERVICE_DECLARATIONS.map(({ name, errors }) => ({ name, folder: `services/${name}/src`, errors })),
  ];

  it.each(catalogues)('of $name are all in use', ({ folder, errors }) => {
    const text = sources(folder);
    expect(Object.keys(errors).filter((code) => !text.includes(`'${code}'`))).toEqual([]);
  });

  it('mean one thing each', () => {
    const codes = catalogues.flatMap(({ errors }) => Object.keys(errors));
    expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
  });
});

describe('metrics in the READMEs', () => {
  it.each(SERVICE_METRICS)('of $part are those that it declares', ({ part, metrics }) => {
    const listed = rowsOf(readmeOf(part), 'Metrics').map(([name]) => name);
    expect(listed).toEqual(metrics.map(({ name }) => name));
  });
});
