import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { checkPorts, type PortCheckOptions } from '../src/suite/port-check.ts';
import { portHolder } from '../src/suite/ports.ts';
import { SuiteError } from '../src/suite/suite-error.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listener(): Promise<number> {
  const server = createServer();
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const options: PortCheckOptions = { isLeftOver: () => false, onWaiting: () => undefined, leftOverTimeoutMs: 2_000 };
const wanted = (port: number) => [{ part: 'backend', host: '127.0.0.1', port, setting: 'BACKEND_PORT' }];

describe('checkPorts', () => {
  it('says which port, what needs it, who has it and which setting moves it', async () => {
    const port = await listener();
    const check = checkPorts(wanted(port), options);
    await expect(check).rejects.toThrow(SuiteError);
    await expect(check).rejects.toThrow(new RegExp(`port ${port}, which backend needs, is taken by .*BACKEND_PORT`));
    if (process.platform === 'linux') await expect(check).rejects.toThrow(`process ${process.pid} (`);
  });

  it('says so when the address is not one of this machine', async () => {
    const elsewhere = [{ part: 'backend', host: '192.0.2.1', port: 8000, setting: 'BACKEND_PORT' }];
    await expect(checkPorts(elsewhere, options)).rejects.toThrow('192.0.2.1 is not an address of this machine');
  });

  it.runIf(process.platform === 'linux')('waits for a part of an earlier run to end', async () => {
    const port = await listener();
    const told: string[] = [];
    await checkPorts(wanted(port), {
      ...options,
      leftOverTimeoutMs: 20_000,
      isLeftOver: ({ pid }) => pid === process.pid,
      onWaiting: (message) => {
        told.push(message);
        servers.splice(0).map((server) => server.close());
      },
    });
    expect(told).toEqual([`waiting for the backend of the last run to end (process ${process.pid})`]);
  });

  it('takes free ports as they are', async () => {
    const port = await listener();
    servers.splice(0).map((server) => server.close());
    await checkPorts(wanted(port), options);
  });
});

describe('portHolder', () => {
  it.runIf(process.platform === 'linux')('finds the process with its command and environment', async () => {
    const holder = await portHolder(await listener());
    expect(holder).toMatchObject({ pid: process.pid });
    expect(holder?.command).toContain('node');
    expect(holder?.env.PATH).toBe(process.env.PATH);
  });

  it('is null for a port that nobody has', async () => {
    const port = await listener();
    const [server] = servers.splice(0);
    server?.close();
    expect(await portHolder(port)).toBeNull();
  });
});
