import { once } from 'node:events';
import { createServer, connect as openSocket, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Route } from './route.ts';

export interface ForwarderOptions {
  route: Route;
  /** Address to listen on. */
  host: string;
  /** The addresses of the replicas that run now, in any order. */
  resolve(service: string): Promise<string[]>;
  logger: Logger;
}

/**
 * How long a replica may take to accept a connection before the next one is asked: one that is gone refuses at once, and a machine
 * that stood still for a second is no reason to turn anybody away.
 */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Passes the bytes of each connection to a replica of a service, the replicas in turn; one that does not accept is passed over.
 * It knows nothing of what it passes: HTTP with its streams, time-outs and upgrades stays between the two ends.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #turn = 0;
  #isAway = false;

  private constructor(options: ForwarderOptions) {
    this.#options = options;
    // Half-open: a client may have said everything and still wait for the answer.
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true });
    this.#server.on('connection', (client) => void this.#pass(client));
  }

  /** Throws when the port can't be listened on. */
  static async listen(options: ForwarderOptions): Promise<Forwarder> {
    const forwarder = new Forwarder(options);
    forwarder.#server.listen(options.route.port, options.host);
    await once(forwarder.#server, 'listening');
    return forwarder;
  }

  /** Takes no more connections, lets those that are open come to their end, and cuts those that take longer. */
  async stop(withinMs: number): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, withinMs);
    await closed;
    clearTimeout(timer);
  }

  async #pass(client: Socket): Promise<void> {
    this.#keep(client);
    // One without a listener would end the process.
    client.on('error', () => client.destroy());
    const replica = await this.#connect();
    if (replica === undefined) {
      client.resetAndDestroy();
      return;
    }
    this.#keep(replica);
    join(client, replica);
  }

  /** A connection to a replica; undefined when there is none, which is logged once an outage. */
  async #connect(): Promise<Socket | undefined> {
    const { route, resolve, logger } = this.#options;
    let reason: unknown;
    try {
      const addresses = (await resolve(route.service)).toSorted();
      const turn = this.#turn++;
      for (const index of addresses.keys()) {
        const address = addresses[(turn + index) % addresses.length]!;
        try {
          const socket = await connect(address, route.port);
          if (this.#isAway) logger.info(route, 'the service accepts connections again');
          this.#isAway = false;
          return socket;
        } catch (error) {
          reason = error;
        }
      }
    } catch (error) {
      reason = error;
    }
    if (!this.#isAway) logger.warn({ ...route, err: reason }, 'no replica of the service accepts connections');
    this.#isAway = true;
    return undefined;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

async function connect(host: string, port: number): Promise<Socket> {
  const socket = openSocket({ host, port, allowHalfOpen: true, noDelay: true, keepAlive: true });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Both ways: an end is passed on as an end, a broken connection as a broken one. */
function join(client: Socket, replica: Socket): void {
  for (const [from, to] of [
    [client, replica],
    [replica, client],
  ] as const) {
    from.on('error', () => to.resetAndDestroy());
    // What was read and not yet passed on still goes out.
    from.on('close', () => to.destroySoon());
    from.pipe(to);
  }
  if (client.destroyed) replica.resetAndDestroy();
}
