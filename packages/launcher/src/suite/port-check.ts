import { setTimeout as sleep } from 'node:timers/promises';
import { isPortFree, type PortHolder, portHolder } from './ports.ts';
import { SuiteError } from './suite-error.ts';

/** A port that a part of the suite is going to listen on. */
export interface WantedPort {
  part: string;
  host: string;
  port: number;
  /** The setting that moves it. */
  setting: string;
}

export interface PortCheckOptions {
  /** Whether the holder is a part of an earlier run of this suite, which is about to end by itself. */
  isLeftOver(holder: PortHolder): boolean;
  onWaiting(message: string): void;
  /** How long a left-over part may take to end. */
  leftOverTimeoutMs: number;
}

const POLL_MS = 200;
const COMMAND_SHOWN = 80;

/**
 * Makes sure that every port is free before anything is started.
 *
 * @throws SuiteError that names the port, what wants it, who has it, and the setting that moves it
 */
export async function checkPorts(wanted: readonly WantedPort[], options: PortCheckOptions): Promise<void> {
  const deadline = performance.now() + options.leftOverTimeoutMs;
  for (const want of wanted) {
    for (;;) {
      if (await isFree(want)) break;
      const holder = await portHolder(want.port);
      if (holder === null || !options.isLeftOver(holder) || performance.now() > deadline) throw taken(want, holder);
      options.onWaiting(`waiting for the ${want.part} of the last run to end (process ${holder.pid})`);
      await sleep(POLL_MS);
    }
  }
}

async function isFree({ part, host, port, setting }: WantedPort): Promise<boolean> {
  try {
    return await isPortFree(host, port);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'EACCES') {
      throw new SuiteError(`port ${port} for ${part} needs more rights: set ${setting} to one above 1023`, { cause });
    }
    throw new SuiteError(`${host} is not an address of this machine that ${part} could listen on: set HOST`, { cause });
  }
}

/** The sentence about a port that somebody else has. */
export function taken({ part, port, setting }: Omit<WantedPort, 'host'>, holder: PortHolder | null): SuiteError {
  const who = holder === null ? 'another program' : `process ${holder.pid} (${holder.command.slice(0, COMMAND_SHOWN)})`;
  return new SuiteError(
    `port ${port}, which ${part} needs, is taken by ${who}: stop that, or set ${setting} to another port ` +
      '(--port-offset 100 moves all ports at once)',
  );
}
