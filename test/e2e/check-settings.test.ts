import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const check = (service: string, env: Record<string, string>) => {
  const main = fileURLToPath(new URL(`../../services/${service}/src/main.ts`, import.meta.url));
  return promisify(execFile)(process.execPath, [main, '--check'], { env });
};

describe.each(['backend', 'feature-extractor', 'predictor', 'kenning', 'auto-retrainer'])('%s --check', (service) => {
  it('says that its settings can be used, and ends without needing anything', async () => {
    expect((await check(service, {})).stdout).toBe(`${service}: these settings can be used\n`);
  });

  it('names a setting that can not be used, and ends with code 2', async () => {
    await expect(check(service, { PARTITIONS: 'many' })).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('PARTITIONS'),
    });
  });
});
