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
  /**
   * The users join one after the other over this time. If all came at one instant they would all be due for their next
   * vector at one instant too, every 10 s, as no platform's users are.
   */
  joinSeconds: number;
}

export interface LoadResult {
  events: number;
  calls: number;
  /** Calls that were told to wait. */
  refused: number;
  seconds: number;
  /** CPU time that making the load took. */
  cpuSeconds: number;
}

const ID_LENGTH = 12;
const RUN_LENGTH = 4;
/** Groups of users that join one after the other, and bodies made for each state of joining. */
const JOINING_GROUPS = 40;
const BODIES_EACH = 4;
const BODIES_OF_ALL = 64;

interface Body {
  bytes: Buffer;
  idOffsets: number[];
  tsOffsets: number[];
}

export async function generateLoad(options: LoadOptions): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  const random = new Random(1);
  const result: LoadResult = { events: 0, calls: 0, refused: 0, seconds: 0, cpuSeconds: 0 };
  const startedAt = performance.now();
  const endsAt = startedAt + options.seconds * 1000;
  // Ids of another run would be taken for events sent again.
  const run = (Date.now() % 36 ** RUN_LENGTH).toString(36).padStart(RUN_LENGTH, '0');
  const bodies = Array.from({ length: JOINING_GROUPS }, (_, joined) =>
    Array.from({ length: joined === JOINING_GROUPS - 1 ? BODIES_OF_ALL : BODIES_EACH }, () =>
      createBody(random, run, joined, options),
    ),
  );
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
      const joined = Math.floor(((performance.now() - startedAt) / 1000 / options.joinSeconds) * JOINING_GROUPS);
      const choice = bodies[Math.min(joined, JOINING_GROUPS - 1)]!;
      const body = choice[call % choice.length]!;
      const ts = Buffer.from(String(Date.now()));
      for (const offset of body.tsOffsets)
        for (let digit = 0; digit < ts.length; digit++) body.bytes[offset + digit] = ts[digit]!;
      for (const offset of body.idOffsets) writeDigits(body.bytes, offset + RUN_LENGTH, nextId++);
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
  const cpu = process.cpuUsage();
  result.cpuSeconds = (cpu.user + cpu.system) / 1e6;
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

/** The rest of an id: a number of fixed width, byte by byte, since the load's own work takes from what it measures. */
function writeDigits(bytes: Buffer, start: number, value: number): void {
  let rest = value;
  for (let at = start + ID_LENGTH - RUN_LENGTH - 1; at >= start; at--) {
    bytes[at] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

function createBody(random: Random, run: string, joined: number, { eventsPerCall, users }: LoadOptions): Body {
  const id = run + 'I'.repeat(ID_LENGTH - RUN_LENGTH);
  const ts = 1_000_000_000_000;
  const events = Array.from({ length: eventsPerCall }, () => {
    // Heavy-tailed activity: a few users make most of the traffic.
    let user: number;
    do user = Math.floor(users * random.next() ** 3);
    while (user % JOINING_GROUPS > joined);
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
