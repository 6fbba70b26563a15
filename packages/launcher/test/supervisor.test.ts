import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '@liminal/shared/adapters/process-lock';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startServiceProcess } from '../src/suite/service-process.ts';
import { Supervisor } from '../src/suite/supervisor.ts';

let directory: string;
const supervisors: Supervisor[] = [];
/** For what takes as long as a process takes to start: a busy machine may need many times the usual 0.1 s. */
const WAIT = { timeout: 25_000 };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'liminal-supervisor-'));
});
afterEach(async () => {
  for (const supervisor of supervisors.splice(0)) supervisor.kill();
  await rm(directory, { recursive: true, force: true });
});

/** A program that stands where a service's main module does. */
async function program(source: string): Promise<string> {
  const main = join(directory, 'main.ts');
  await writeFile(main, source);
  return main;
}

const STAYS = `console.log(JSON.stringify({ level: 30, msg: 'up' })); setInterval(() => undefined, 1000);`;

interface Watched {
  supervisor: Supervisor;
  said: string[];
  logFile: string;
}

async function supervise(source: string, stopTimeoutMs = 5_000): Promise<Watched> {
  const main = await program(source);
  const logFile = join(directory, 'logs', 'part.log');
  const said: string[] = [];
  const supervisor = new Supervisor({
    name: 'part',
    start: () => startServiceProcess({ main, env: process.env, logFile, stopTimeoutMs }),
    say: (message) => said.push(message),
    backoffMs: 20,
    maxBackoffMs: 60,
  });
  supervisors.push(supervisor);
  await supervisor.start();
  return { supervisor, said, logFile };
}

const logged = (logFile: string): Promise<string> => readFile(logFile, 'utf8');

describe('a supervised process', () => {
  it('is started again when it was killed, which is said', async () => {
    const { supervisor, said, logFile } = await supervise(STAYS);
    await vi.waitFor(async () => expect(await logged(logFile)).toContain('up'), WAIT);
    const first = supervisor.pid!;
    process.kill(first, 'SIGKILL');
    await vi.waitFor(() => expect(supervisor.pid).toSatisfy((pid) => pid !== undefined && pid !== first), WAIT);
    expect(said).toEqual(['part was ended by SIGKILL; starting it again in 0.02 s']);
    await supervisor.stop();
  });

  it('is started again ever later while it keeps ending', async () => {
    const { supervisor, said } = await supervise('process.exit(3);');
    await vi.waitFor(() => expect(said.length).toBeGreaterThanOrEqual(4), WAIT);
    expect(said.slice(0, 4).map((message) => /again in (.*) s/.exec(message)?.[1])).toEqual([
      '0.02',
      '0.04',
      '0.06',
      '0.06',
    ]);
    expect(said[0]).toContain('ended with exit code 3');
    await supervisor.stop();
    const count = said.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(said.length).toBe(count);
  });

  it('drains on stop, and is not started again', async () => {
    const { supervisor, said, logFile } = await supervise(
      `process.on('SIGTERM', () => setTimeout(() => { console.log('drained'); process.exit(0); }, 100)); ${STAYS}`,
    );
    await vi.waitFor(async () => expect(await logged(logFile)).toContain('up'), WAIT);
    await supervisor.stop();
    expect(await logged(logFile)).toContain('drained');
    expect([supervisor.pid, said]).toEqual([undefined, []]);
  });

  it('is killed when it does not end in time', async () => {
    const { supervisor, logFile } = await supervise(`process.on('SIGTERM', () => undefined); ${STAYS}`, 200);
    await vi.waitFor(async () => expect(await logged(logFile)).toContain('up'), WAIT);
    const pid = supervisor.pid!;
    await supervisor.stop();
    expect(isAlive(pid)).toBe(false);
  });

  it('notices that the launcher has died', async () => {
    const main = await program(`process.on('disconnect', () => process.exit(0)); ${STAYS}`);
    const launcher = spawn(
      process.execPath,
      [
        '--input-type=module-typescript',
        '--eval',
        `import { startServiceProcess } from ${JSON.stringify(new URL('../src/suite/service-process.ts', import.meta.url).href)};
         const { pid } = await startServiceProcess(${JSON.stringify({ main, env: {}, logFile: join(directory, 'part.log'), stopTimeoutMs: 1 })});
         process.stdout.write(String(pid));`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [pid] = (await once(launcher.stdout, 'data')) as [Buffer];
    expect(isAlive(Number(String(pid)))).toBe(true);
    launcher.kill('SIGKILL');
    await vi.waitFor(() => expect(isAlive(Number(String(pid)))).toBe(false), WAIT);
  });
});

describe('the log of a process', () => {
  const failureOf = async (source: string): Promise<string> => {
    const main = await program(source);
    const running = await startServiceProcess({
      main,
      env: process.env,
      logFile: join(directory, 'part.log'),
      stopTimeoutMs: 1_000,
    });
    await running.exited;
    return running.lastFailure();
  };

  it('tells the newest error with its reason, not what follows it', async () => {
    const lines = [
      { level: 50, msg: 'an older one' },
      { level: 60, msg: 'could not start', err: { message: 'port 1 is taken' } },
      { level: 30, msg: 'stopped' },
    ];
    expect(await failureOf(`for (const line of ${JSON.stringify(lines)}) console.log(JSON.stringify(line));`)).toBe(
      'could not start: port 1 is taken',
    );
  });

  it('tells what was written without a logger', async () => {
    expect(await failureOf(`process.stderr.write("kenning: these settings can't be used: PORT\\n");`)).toBe(
      "kenning: these settings can't be used: PORT",
    );
  });

  it('tells the message of a crash, not its stack', async () => {
    expect(await failureOf(`console.log('{"level":30,"msg":"up"}');\nthrow new TypeError('boom');`)).toBe(
      'TypeError: boom',
    );
  });

  it('does not tell what an earlier run wrote', async () => {
    await failureOf(`console.log(JSON.stringify({ level: 60, msg: 'long ago' }));`);
    expect(await failureOf(`console.log(JSON.stringify({ level: 30, msg: 'fine' }));`)).toBe('');
  });
});
