import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { until } from '../service-process.ts';

/** Programs of the monitoring by the names that Debian and their makers give them. */
export const PROGRAMS = {
  prometheus: ['prometheus'],
  alertmanager: ['prometheus-alertmanager', 'alertmanager'],
  redisExporter: ['prometheus-redis-exporter', 'redis_exporter'],
} as const;
export type Program = keyof typeof PROGRAMS;

/** Path of the program; undefined where it is not installed. */
export function pathOf(program: Program): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return PROGRAMS[program].flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts a program and waits until `readyUrl` answers. Returns how to end it; its last words come with what fails. */
export async function startTool(
  program: Program,
  args: readonly string[],
  readyUrl: string,
): Promise<() => Promise<void>> {
  const child = spawn(pathOf(program)!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output = (output + String(chunk)).slice(-5_000);
    });
  }
  try {
    await until(`${program} is ready`, async () => {
      if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`);
      return (await fetch(readyUrl).catch(() => undefined))?.ok ?? false;
    });
  } catch (error) {
    await stop(child);
    throw new Error(`${program} does not start; its last words:\n${output}`, { cause: error });
  }
  return () => stop(child);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
