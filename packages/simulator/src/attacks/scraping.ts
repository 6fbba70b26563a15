import { type Account, newTokenId } from '../people/account.ts';
import { lognormal } from '../people/lognormal.ts';
import { login, tokenEvent } from '../people/session.ts';
import { DESKTOP_USER_AGENTS, TOOL_USER_AGENTS } from '../people/user-agents.ts';
import type { Client, TimedEvent } from '../timed-event.ts';
import { type Attack, type AttackSetting, drawSpan, type Span } from './attack.ts';

const MINUTE_MS = 60_000;

/**
 * A program signs in with a member's account and walks through the catalogue, one or two orders of magnitude faster
 * than people read; every second one goes through several exits.
 */
export function planScraping(setting: AttackSetting): Attack {
  const { random } = setting;
  const span = drawSpan(setting, 10, 45);
  const account = setting.takeVictim();
  account.arrangement = { presence: 'away', ...span };
  const exits = random.next() < 0.5 ? 1 : 2 + random.int(4);
  const userAgent = random.pick(random.next() < 0.5 ? TOOL_USER_AGENTS : DESKTOP_USER_AGENTS);
  const clients = Array.from({ length: exits }, () => ({ ip: setting.newAddress(), userAgent }));
  const requestsPerMinute = random.uniform(70, 300);
  return {
    label: {
      id: setting.id,
      scenario: 'scraping',
      users: [account.user],
      touchedUsers: [],
      ips: clients.map((client) => client.ip),
      ...span,
      features: [
        'requests_per_user',
        'predicted_user_load',
        'burstiness_score',
        ...(exits > 1 ? (['ip_entropy', 'jwt_usage_patterns'] as const) : []),
      ],
    },
    source: {
      fromMs: span.fromMs,
      events: scrape(account, span, clients, requestsPerMinute),
    },
  };
}

function* scrape(account: Account, span: Span, clients: readonly Client[], perMinute: number): Generator<TimedEvent> {
  // The owner is away: nobody else draws from the account's generator now.
  const { random, user } = account;
  let ts = span.fromMs;
  yield login(account, ts, clients[0]!, true);
  const tokenId = newTokenId(account);
  yield tokenEvent(account, ts, clients[0]!, 'issue', tokenId);
  for (;;) {
    ts += lognormal(random, MINUTE_MS / perMinute, 0.3);
    if (ts >= span.toMs) return;
    const client = random.pick(clients);
    const isFound = random.next() < 0.96;
    yield {
      kind: 'request',
      ts: Math.floor(ts),
      user,
      ip: client.ip,
      method: 'GET',
      route: '/api/items/:id',
      status: isFound ? 200 : 404,
      durationMs: Math.round(lognormal(random, 28, 0.4) * 10) / 10,
      bytes: isFound ? Math.round(lognormal(random, 2_400, 0.4)) : 180,
      userAgent: client.userAgent,
      tokenId,
    };
  }
}
