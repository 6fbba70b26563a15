import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@liminal/shared/testing/redis';
import { labelSchema, SCENARIOS } from '@liminal/simulator/label';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SERVICE_NAMES, SERVICES } from '../src/suite/services.ts';

const MAIN = fileURLToPath(new URL('../src/bin/start.ts', import.meta.url));
const UP = 'Ctrl-C stops everything.';

let home: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'liminal-start-'));
  env = { ...process.env, LIMINAL_HOME: home, REDIS_PORT: String(await freePort()) };
  for (const name of SERVICE_NAMES) env[SERVICES[name].portSetting] = String(await freePort());
});
afterAll(() => rm(home, { recursive: true, force: true }));

interface Run {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command, with one Ctrl-C as soon as it says that it stays up. */
async function start(...args: string[]): Promise<Run> {
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  let isInterrupted = false;
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
    if (isInterrupted || !stdout.includes(UP)) return;
    isInterrupted = true;
    child.kill('SIGINT');
  });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, stdout, stderr };
}

describe('start', () => {
  it('explains itself', async () => {
    const { exitCode, stdout } = await start('--help');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('--replay FILE');
  });

  it('refuses what it does not know in one line', async () => {
    const { exitCode, stderr } = await start('--port-offset', 'many');
    expect(exitCode).toBe(2);
    expect(stderr.trimEnd().split('\n')).toEqual([
      '--port-offset has to be a whole number from 0 to 60000, not "many"',
    ]);
  });

  it('simulates on a fresh home up to a release of its own and what it found; then continues from there', async () => {
    const first = await start('--simulate');
    expect(first.stderr).toBe('');
    expect(first.exitCode).toBe(0);
    const release = /Release (r-\S+), trained on [\d,]+ rows of \d+ users/.exec(first.stdout)?.[1];
    expect(release, first.stdout).toBeDefined();
    expect(first.stdout).toContain('Top anomalies of this run');
    // The traffic depends on the time of day at which this runs, so the bounds are wide ones.
    const found = [...first.stdout.matchAll(/^ {2}[a-z-]+ +(\d) of 2 /gm)].map(([, count]) => Number(count));
    expect(found).toHaveLength(SCENARIOS.length);
    expect(found.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(4);
    // 1 % is asked for
    expect(Number(/\(([\d.]+) %\) raised an alarm/.exec(first.stdout)?.[1])).toBeLessThan(4);
    const labels = (await readFile(join(home, 'simulator-labels.ndjson'), 'utf8')).trimEnd().split('\n');
    expect(labels.map((line) => labelSchema.parse(JSON.parse(line)))).toHaveLength(2 * SCENARIOS.length);

    const second = await start('--simulate');
    expect(second.exitCode).toBe(0);
    expect(second.stdout).not.toContain('to learn from');
    expect(second.stdout).toMatch(new RegExp(`nothing to add|Release ${release}`));

    const otherSeed = await start('--simulate', '--seed', '99');
    expect(otherSeed).toMatchObject({ exitCode: 1 });
    expect(otherSeed.stderr).toContain('this home was simulated with seed 1');
  }, 300_000);
});
