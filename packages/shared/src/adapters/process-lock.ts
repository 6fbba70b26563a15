import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whoever holds the lock, as far as its file says. */
export interface LockHolder {
  pid: number;
}

/** The lock belongs to another process that is alive. */
export class LockHeldError extends Error {
  override readonly name = 'LockHeldError';
  readonly holder: LockHolder;

  constructor(path: string, holder: LockHolder) {
    super(`${path} is held by process ${holder.pid}`);
    this.holder = holder;
  }
}

/** Longer than anyone takes between judging a lock file and removing it. */
const SETTLE_MS = 50;

export interface ProcessLock {
  release(): Promise<void>;
}

/**
 * When the process started, in clock ticks after boot (field 22 of /proc/<pid>/stat): tells a process from a later one
 * that was given the same number. Null where there is no /proc, or no such process.
 */
async function startTicks(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // the second field is the program's name in brackets and may hold blanks
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ESRCH')) return null;
    throw error;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isSystemError(error, 'EPERM');
  }
}

function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

async function contentOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return '';
    throw error;
  }
}

async function livingHolder(path: string): Promise<LockHolder | null> {
  const text = await contentOf(path);
  const [pidText = '', ticks = ''] = text.trim().split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return null;
  const now = await startTicks(pid);
  return now === null || ticks === '' || now === ticks ? { pid } : null;
}

/**
 * Takes a lock file that dies with its holder: a file left behind by a process that is gone is taken over.
 *
 * @param waitMs how long to wait for a living holder, 0 = not at all
 * @throws LockHeldError when another living process still holds it
 */
export async function acquireProcessLock(path: string, waitMs = 0): Promise<ProcessLock> {
  await mkdir(dirname(path), { recursive: true });
  const mine = `${process.pid} ${(await startTicks(process.pid)) ?? ''}\n`;
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      const file = await open(path, 'wx');
      try {
        await file.writeFile(mine);
      } finally {
        await file.close();
      }
      // Two processes that find the same dead holder may both clear its file, the second one clearing ours.
      await sleep(SETTLE_MS);
      if ((await contentOf(path)) === mine) return { release: () => rm(path, { force: true }) };
    } catch (error) {
      if (!isSystemError(error, 'EEXIST')) throw error;
    }
    let holder = await livingHolder(path);
    if (holder === null) {
      // a moment for a holder that has made the file and not yet written into it
      await sleep(SETTLE_MS);
      holder = await livingHolder(path);
      if (holder === null) {
        await rm(path, { force: true });
        continue;
      }
    }
    if (performance.now() >= deadline) throw new LockHeldError(path, holder);
    await sleep(100);
  }
}
