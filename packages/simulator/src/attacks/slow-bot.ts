import { type Account, newTokenId } from '../people/account.ts';
import { apiCall } from '../people/requests.ts';
import { login, tokenEvent } from '../people/session.ts';
import { TOOL_USER_AGENTS } from '../people/user-agents.ts';
import type { Client, TimedEvent } from '../timed-event.ts';
import { type Attack, type AttackSetting, drawSpan, type Span } from './attack.ts';

const REFRESH_AFTER_MS = 15 * 60_000;
/** Standard deviation of the gaps relative to their mean: what network and scheduler leave of a timer. */
const JITTER = 0.015;

/** A program that asks once or twice a minute for hours: fewer requests than a person, at gaps no person keeps. */
export function planSlowBot(setting: AttackSetting): Attack {
  const { random } = setting;
  const span = drawSpan(setting, 90, 300);
  const account = setting.takeVictim();
  account.arrangement = { presence: 'away', ...span };
  const client = { ip: setting.newAddress(), userAgent: random.pick(TOOL_USER_AGENTS) };
  return {
    label: {
      id: setting.id,
      scenario: 'slow-bot',
      users: [account.user],
      touchedUsers: [],
      ips: [client.ip],
      ...span,
      features: ['burstiness_score'],
    },
    source: { fromMs: span.fromMs, events: poll(account, span, client, random.uniform(12_000, 40_000)) },
  };
}

function* poll(account: Account, span: Span, client: Client, gapMs: number): Generator<TimedEvent> {
  const { random, user } = account;
  let ts = span.fromMs;
  yield login(account, ts, client, true);
  let tokenId = newTokenId(account);
  yield tokenEvent(account, ts, client, 'issue', tokenId);
  let refreshAt = ts + REFRESH_AFTER_MS;
  for (;;) {
    ts += gapMs * (1 + JITTER * random.normal());
    if (ts >= span.toMs) return;
    if (ts >= refreshAt) {
      tokenId = newTokenId(account);
      yield tokenEvent(account, ts, client, 'refresh', tokenId);
      refreshAt = ts + REFRESH_AFTER_MS;
    }
    yield apiCall(random, ts, user, client, tokenId);
  }
}
