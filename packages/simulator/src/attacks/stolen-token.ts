import { mergeByTime } from '../merge-by-time.ts';
import { DESKTOP_USER_AGENTS, TOOL_USER_AGENTS } from '../people/user-agents.ts';
import { type Attack, type AttackSetting, drawWakingSpan } from './attack.ts';
import { browse } from './browse.ts';

/** The owner signs in before the thief can have the token, and stays a little longer. */
const OWNER_MARGIN_MS = 3 * 60_000;

/** Someone elsewhere shows the token of a session that its owner is still using, from one to three hosts. */
export function planStolenToken(setting: AttackSetting): Attack {
  const { random, startMs } = setting;
  const account = setting.takeVictim();
  const span = drawWakingSpan(setting, account, 10, 35);
  account.arrangement = {
    presence: 'online',
    fromMs: Math.max(span.fromMs - OWNER_MARGIN_MS, startMs),
    toMs: span.toMs + OWNER_MARGIN_MS,
  };
  const clients = Array.from({ length: 1 + random.int(3) }, () => ({
    ip: setting.newAddress(),
    userAgent: random.pick(random.next() < 0.5 ? TOOL_USER_AGENTS : DESKTOP_USER_AGENTS),
  }));
  const sources = clients.map((client) => ({
    fromMs: span.fromMs,
    events: browse({
      ...span,
      random: random.fork(),
      user: account.user,
      client,
      token: () => account.tokenId,
      thinkTimeMs: random.uniform(5_000, 12_000),
    }),
  }));
  return {
    label: {
      id: setting.id,
      scenario: 'stolen-token',
      users: [account.user],
      touchedUsers: [],
      ips: clients.map((client) => client.ip),
      ...span,
      features: ['jwt_usage_patterns', 'ip_entropy', 'requests_per_user'],
    },
    source: { fromMs: span.fromMs, events: mergeByTime(sources) },
  };
}
