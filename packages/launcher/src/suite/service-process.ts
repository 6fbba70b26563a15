import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningProcess } from './supervisor.ts';

export interface ServiceProcess extends RunningProcess {
  /** What this run's log says about its newest error, in one line; '' when it says nothing. */
  lastFailure(): Promise<string>;
}

export interface ServiceProcessOptions {
  /** The service's main module. */
  main: string;
  env: NodeJS.ProcessEnv;
  /** JSON log lines are appended here. */
  logFile: string;
  /** Time from SIGTERM to SIGKILL; more than the service takes to drain. */
  stopTimeoutMs: number;
}

/** A log beyond this size is put aside as `<name>.1` at the next start. */
const LOG_KEPT_BYTES = 20_000_000;

/** @returns the file to append to, and how much it held before */
async function openLog(path: string): Promise<{ descriptor: number; offset: number }> {
  await mkdir(dirname(path), { recursive: true });
  const descriptor = openSync(path, 'a');
  const { size } = fstatSync(descriptor);
  if (size <= LOG_KEPT_BYTES) return { descriptor, offset: size };
  closeSync(descriptor);
  await rename(path, `${path}.1`);
  return { descriptor: openSync(path, 'a'), offset: 0 };
}

/**
 * Starts a service as a process group of its own, so that a Ctrl-C of the terminal reaches only the launcher, which
 * stops everything in order. It writes its log itself: its last words arrive even when the launcher is gone. The IPC
 * channel carries no messages; that it closes tells the service that its launcher has died.
 */
export async function startServiceProcess(options: ServiceProcessOptions): Promise<ServiceProcess> {
  const log = await openLog(options.logFile);
  try {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', options.main], {
      env: options.env,
      stdio: ['ignore', log.descriptor, log.descriptor, 'ipc'],
      detached: true,
    });
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) =>
        resolve(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`),
      );
      child.once('error', (error) => resolve(`did not start: ${error.message}`));
    });
    return {
      pid: child.pid ?? -1,
      exited,
      lastFailure: () => lastFailure(options.logFile, log.offset),
      kill: () => void child.kill('SIGKILL'),
      stop: async () => {
        child.kill('SIGTERM');
        const inTime = new AbortController();
        const late = sleep(options.stopTimeoutMs, undefined, { signal: inTime.signal }).then(
          () => child.kill('SIGKILL'),
          () => undefined,
        );
        await exited;
        inTime.abort();
        await late;
      },
    };
  } finally {
    closeSync(log.descriptor);
  }
}

const ERROR_LEVEL = 50;
const TAIL_BYTES = 20_000;
/** Lines around the message of an uncaught error: stack, source excerpt, properties, version. */
const CRASH_FRAME = /^(\s|$|Node\.js v|[{}]|\^)/;

/** What the log says from `offset` on about its newest error, in one line; '' when it says nothing. */
async function lastFailure(logFile: string, offset: number): Promise<string> {
  const lines = (await tailOf(logFile, offset)).trimEnd().split('\n').reverse();
  for (const line of lines) {
    const entry = parsedLine(line);
    if (entry === null) {
      // no JSON: what Node or the settings check wrote while there was no logger yet
      if (!CRASH_FRAME.test(line)) return line.trim();
    } else if (entry.level >= ERROR_LEVEL) {
      return entry.reason === undefined ? entry.message : `${entry.message}: ${entry.reason}`;
    }
  }
  return '';
}

async function tailOf(path: string, offset: number): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const from = Math.max(offset, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(Math.max(size - from, 0)), position: from });
    const text = buffer.toString('utf8', 0, bytesRead);
    // The rest of a line that began before tells nothing.
    return from > offset ? text.slice(text.indexOf('\n') + 1) : text;
  } finally {
    await file.close();
  }
}

function parsedLine(line: string): { level: number; message: string; reason: string | undefined } | null {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null || !('level' in entry) || !('msg' in entry)) return null;
    const error = 'err' in entry && typeof entry.err === 'object' ? entry.err : null;
    const reason = error !== null && 'message' in error ? String(error.message) : undefined;
    return { level: Number(entry.level), message: String(entry.msg), reason };
  } catch {
    return null;
  }
}
