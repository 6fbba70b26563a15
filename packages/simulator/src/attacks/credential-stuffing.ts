import type { Random } from '@liminal/shared/runtime/random';
import { mergeByTime, type Source } from '../merge-by-time.ts';
import type { Account } from '../people/account.ts';
import { login } from '../people/session.ts';
import { TOOL_USER_AGENTS } from '../people/user-agents.ts';
import type { TimedEvent } from '../timed-event.ts';
import { type Attack, type AttackSetting, drawSpan } from './attack.ts';

const BREAK_IN_CHANCE = 0.15;
/** Enough short gaps to be the majority of a full ring of 16 sign-ins, and so to move their median. */
const MEDIAN_SHIFTING_ATTEMPTS = 11;

interface Siege {
  readonly user: string;
  readonly fromMs: number;
  readonly attempts: number;
  readonly meanGapMs: number;
}

/**
 * Few hosts try leaked passwords on many accounts. A handful of accounts get variants of their password one after the
 * other, one or two are hammered; many more see an attempt or two, which no feature of theirs can show.
 */
export function planCredentialStuffing(setting: AttackSetting): Attack {
  const { random, accounts } = setting;
  const span = drawSpan(setting, 15, 45);
  const hammered = take(1 + random.int(2), setting);
  const sprayed = take(Math.min(3 + random.int(4), Math.ceil(accounts.length / 20)), setting);
  const clients = Array.from({ length: 1 + random.int(3) }, () => ({
    ip: setting.newAddress(),
    userAgent: random.pick(TOOL_USER_AGENTS),
  }));
  const besieged = new Set([...hammered, ...sprayed].map((account) => account.user));
  const touched = touchedUsers(setting).filter((user) => !besieged.has(user));

  const lengthMs = span.toMs - span.fromMs;
  const siege = (user: string, attempts: number, meanGapMs: number): Siege => ({
    user,
    fromMs: Math.floor(span.fromMs + random.uniform(0, 0.5) * lengthMs),
    attempts,
    meanGapMs,
  });
  const sieges = [
    ...hammered.map((account) => siege(account.user, 24 + random.int(40), random.uniform(3_000, 9_000))),
    ...sprayed.map((account) =>
      siege(account.user, MEDIAN_SHIFTING_ATTEMPTS + random.int(7), random.uniform(5_000, 20_000)),
    ),
    ...touched.map((user) => siege(user, 1 + random.int(2), 30_000)),
  ];
  const sources = sieges.map((entry): Source => {
    const own = random.fork();
    return { fromMs: entry.fromMs, events: attempts(own, entry, span.toMs, () => own.pick(clients)) };
  });
  return {
    label: {
      id: setting.id,
      scenario: 'credential-stuffing',
      users: [...besieged],
      touchedUsers: touched,
      ips: clients.map((client) => client.ip),
      ...span,
      features: ['login_intervals'],
    },
    source: { fromMs: span.fromMs, events: mergeByTime(sources) },
  };
}

const take = (count: number, setting: AttackSetting): Account[] =>
  Array.from({ length: count }, () => setting.takeVictim());

function touchedUsers({ random, accounts }: AttackSetting): string[] {
  const count = Math.min(8 + random.int(12), Math.floor(accounts.length / 8));
  const known = [...random.sample(accounts.length, count)].map((index) => accounts[index]!.user);
  // Lists of leaked names hold accounts that the platform has never had.
  return [...known, 'administrator', 'test'];
}

function* attempts(
  random: Random,
  siege: Siege,
  toMs: number,
  nextClient: () => { ip: string; userAgent: string },
): Generator<TimedEvent> {
  let ts = siege.fromMs;
  for (let attempt = 1; attempt <= siege.attempts; attempt++) {
    const breaksIn = attempt === siege.attempts && random.next() < BREAK_IN_CHANCE;
    yield login(siege, ts, nextClient(), breaksIn);
    ts += 200 + random.exponential(siege.meanGapMs);
    if (ts >= toMs) return;
  }
}
