import type { Random } from '@liminal/shared/runtime/random';
import { mergeByTime, type Source } from '../merge-by-time.ts';
import type { Account } from '../people/account.ts';
import { login, tokenEvent } from '../people/session.ts';
import { DESKTOP_USER_AGENTS, MOBILE_USER_AGENTS } from '../people/user-agents.ts';
import type { Client, TimedEvent } from '../timed-event.ts';
import { type Attack, type AttackSetting, drawWakingSpan, type Span } from './attack.ts';
import { browse } from './browse.ts';

const OWNER_MARGIN_MS = 3 * 60_000;

/**
 * Several people in different places use one account at once beside its owner: at least two with a copy of the owner's
 * token, the others with sign-ins of their own.
 */
export function planSharedAccount(setting: AttackSetting): Attack {
  const { random, startMs } = setting;
  const account = setting.takeVictim();
  const span = drawWakingSpan(setting, account, 40, 120);
  account.arrangement = {
    presence: 'online',
    fromMs: Math.max(span.fromMs - OWNER_MARGIN_MS, startMs),
    toMs: span.toMs + OWNER_MARGIN_MS,
  };
  const guests = Array.from({ length: 3 + random.int(4) }, () => ({
    ip: setting.newAddress(),
    userAgent: random.pick(random.next() < 0.7 ? DESKTOP_USER_AGENTS : MOBILE_USER_AGENTS),
  }));
  const withCopy = 2 + random.int(guests.length - 1);
  const sources = guests.map((client, index): Source => {
    const own = random.fork();
    const stay = { fromMs: span.fromMs + own.int(5 * 60_000), toMs: span.toMs };
    const thinkTimeMs = account.habits.thinkTimeMs;
    const events =
      index < withCopy
        ? browse({
            ...stay,
            random: own,
            user: account.user,
            client,
            token: () => account.tokenId,
            thinkTimeMs,
          })
        : ownSession(own, account, client, stay, `jwt-${account.index.toString(36)}-g${index}-${setting.id}`);
    return { fromMs: stay.fromMs, events };
  });
  return {
    label: {
      id: setting.id,
      scenario: 'shared-account',
      users: [account.user],
      touchedUsers: [],
      ips: guests.map((client) => client.ip),
      ...span,
      features: ['ip_entropy', 'jwt_usage_patterns', 'requests_per_user'],
    },
    source: { fromMs: span.fromMs, events: mergeByTime(sources) },
  };
}

function* ownSession(
  random: Random,
  account: Account,
  client: Client,
  stay: Span,
  tokenId: string,
): Generator<TimedEvent> {
  if (stay.fromMs + 200 >= stay.toMs) return;
  yield login(account, stay.fromMs, client, true);
  yield tokenEvent(account, stay.fromMs + 100, client, 'issue', tokenId);
  yield* browse({
    fromMs: stay.fromMs + 200,
    toMs: stay.toMs,
    random,
    user: account.user,
    client,
    token: () => tokenId,
    thinkTimeMs: account.habits.thinkTimeMs,
  });
}
