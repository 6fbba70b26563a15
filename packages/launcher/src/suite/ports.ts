import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename } from 'node:path';

/** A process that listens on a port. */
export interface PortHolder {
  pid: number;
  /** Command line without the directory of the program, words separated by blanks. */
  command: string;
  /** Its environment, when this user may read it. */
  env: Readonly<Record<string, string>>;
}

const LISTEN = '0A';

/** Whether this process could listen there now. Throws when the address is not one of this machine. */
export function isPortFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Inodes of the sockets that listen on a port (proc(5): fields of /proc/net/tcp). */
async function listeningSockets(port: number): Promise<Set<string>> {
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const lines = (await textOf(table)).split('\n').slice(1);
    for (const line of lines) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      if (state === LISTEN && Number.parseInt(local.split(':')[1] ?? '', 16) === port) inodes.add(inode);
    }
  }
  return inodes;
}

/** A file of /proc, '' where it is absent or another user's: then there is less to tell, and nothing else changes. */
async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
}

async function openSockets(pid: string): Promise<string[]> {
  const directory = `/proc/${pid}/fd`;
  let descriptors: string[];
  try {
    descriptors = await readdir(directory);
  } catch {
    // another user's process, or one that just ended
    return [];
  }
  // some are closed again by the time they are looked at
  const links = await Promise.allSettled(descriptors.map((descriptor) => readlink(`${directory}/${descriptor}`)));
  return links.flatMap((link) =>
    link.status === 'fulfilled' ? (/^socket:\[(\d+)\]$/.exec(link.value)?.[1] ?? []) : [],
  );
}

const words = (text: string): string[] => text.split('\0').filter((word) => word !== '');

/** Who listens on a port of this machine; null where that can't be told (no /proc, another user's process). */
export async function portHolder(port: number): Promise<PortHolder | null> {
  const sockets = await listeningSockets(port);
  if (sockets.size === 0) return null;
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    if (!(await openSockets(pid)).some((socket) => sockets.has(socket))) continue;
    const [program = '', ...rest] = words(await textOf(`/proc/${pid}/cmdline`));
    const variables = words(await textOf(`/proc/${pid}/environ`)).map((entry) => entry.split(/=(.*)/s) as string[]);
    return {
      pid: Number(pid),
      command: basename(program) + rest.map((word) => ` ${word}`).join(''),
      env: Object.fromEntries(variables.map(([name = '', value = '']) => [name, value])),
    };
  }
  return null;
}
