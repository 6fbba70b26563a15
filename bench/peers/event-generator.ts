import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '@liminal/shared/runtime/random';

/** Load for `POST /events`: bodies are made once, and only ids and times are written into them for each call. */
export interface LoadOptions {
  url: string;
  seconds: number;
  /** Events per second; as many as are taken unless given. */
  rate?: number;
  eventsPerCall: number;
  users: number;
  connections: number;
}

export interface LoadResult {
  events: number;
  calls: number;
  /** Calls that were told to wait. */
  refused: number;
  seconds: number;
}

const ID_LENGTH = 12;
const RUN_LENGTH = 4;
const BODIES = 64;

interface Body {
  bytes: Buffer;
  idOffsets: number[];
  tsOffsets: number[];
}

export async function generateLoad(options: LoadOptions): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  const random = new Random(1);
  const bodies = Array.from({ length: BODIES }, () => createBody(random, options));
  const result: LoadResult = { events: 0, calls: 0, refused: 0, seconds: 0 };
  const startedAt = performance.now();
  const endsAt = startedAt + options.seconds * 1000;
  // Ids of another run would be taken for events sent again.
  const run = (Date.now() % 36 ** RUN_LENGTH).toString(36).padStart(RUN_LENGTH, '0');
  let nextId = 0;
  let nextCall = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      const call = nextCall++;
      if (options.rate !== undefined) {
        const dueAt = startedAt + ((call * options.eventsPerCall) / options.rate) * 1000;
        const wait = dueAt - performance.now();
        if (wait > 0) await sleep(wait);
      }
      const body = bodies[call % BODIES]!;
      const ts = String(Date.now());
      for (const offset of body.tsOffsets) body.bytes.write(ts, offset, 'latin1');
      for (const offset of body.idOffsets) {
        body.bytes.write(run + (nextId++).toString(36).padStart(ID_LENGTH - RUN_LENGTH, '0'), offset, 'latin1');
      }
      const status = await post(options.url, body.bytes, agent);
      if (status === 202) {
        result.calls++;
        result.events += options.eventsPerCall;
      } else {
        result.refused++;
        await sleep(20);
      }
    }
  };
  await Promise.all(Array.from({ length: options.connections }, worker));
  result.seconds = (performance.now() - startedAt) / 1000;
  agent.destroy();
  return result;
}

function post(url: string, body: Buffer, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const call = request(`${url}/events`, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    call.on('error', reject);
    call.end(body);
  });
}

function createBody(random: Random, { eventsPerCall, users }: LoadOptions): Body {
  const id = 'I'.repeat(ID_LENGTH);
  const ts = 1_000_000_000_000;
  const events = Array.from({ length: eventsPerCall }, () => {
    // Heavy-tailed activity: a few users make most of the traffic.
    const user = Math.floor(users * random.next() ** 3);
    const shared = { id, ts, user: `user-${String(user).padStart(6, '0')}` };
    const ip = `10.0.${user % 250}.${random.int(3)}`;
    if (random.next() < 0.2) return { ...shared, kind: 'channel', channel: `room-${user % 500}`, action: 'message' };
    return {
      ...shared,
      kind: 'request',
      ip,
      method: 'GET',
      route: '/api/v1/rooms/:id/messages',
      status: 200,
      durationMs: 12.5,
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
      tokenId: `token-${user}`,
    };
  });
  const bytes = Buffer.from(JSON.stringify(events));
  return { bytes, idOffsets: offsetsOf(bytes, id), tsOffsets: offsetsOf(bytes, String(ts)) };
}

function offsetsOf(bytes: Buffer, text: string): number[] {
  const offsets: number[] = [];
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + text.length)) offsets.push(at);
  return offsets;
}

if (process.send !== undefined) {
  process.once('message', (options) => {
    void generateLoad(options as LoadOptions).then((result) => {
      process.send!(result);
      process.disconnect();
    });
  });
}
