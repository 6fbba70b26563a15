import { type Account, newTokenId } from '../people/account.ts';
import { login, tokenEvent } from '../people/session.ts';
import { DESKTOP_USER_AGENTS } from '../people/user-agents.ts';
import type { Client, TimedEvent } from '../timed-event.ts';
import { type Attack, type AttackSetting, drawSpan, type Span } from './attack.ts';

const MINUTE_MS = 60_000;

/** A hijacked account joins channel after channel and posts to all of them, faster than anyone types. */
export function planChannelSpam(setting: AttackSetting): Attack {
  const { random } = setting;
  const span = drawSpan(setting, 4, 20);
  const account = setting.takeVictim();
  account.arrangement = { presence: 'away', ...span };
  const client = { ip: setting.newAddress(), userAgent: random.pick(DESKTOP_USER_AGENTS) };
  const channels = [...new Set(setting.accounts.flatMap((other) => other.habits.channels))];
  const flooded = [...random.sample(channels.length, Math.min(3 + random.int(8), channels.length))].map(
    (index) => channels[index]!,
  );
  return {
    label: {
      id: setting.id,
      scenario: 'channel-spam',
      users: [account.user],
      touchedUsers: [],
      ips: [client.ip],
      ...span,
      features: ['channel_activity'],
    },
    source: { fromMs: span.fromMs, events: flood(account, span, client, flooded, random.uniform(35, 150)) },
  };
}

function* flood(
  account: Account,
  span: Span,
  client: Client,
  channels: readonly string[],
  messagesPerMinute: number,
): Generator<TimedEvent> {
  const { random, user } = account;
  let ts = span.fromMs;
  yield login(account, ts, client, true);
  const tokenId = newTokenId(account);
  yield tokenEvent(account, ts, client, 'issue', tokenId);
  yield tokenEvent(account, ts, client, 'use', tokenId);
  for (const channel of channels) {
    ts += random.uniform(200, 900);
    if (ts >= span.toMs) return;
    yield { kind: 'channel', ts: Math.floor(ts), user, channel, action: 'join' };
  }
  for (;;) {
    ts += random.exponential(MINUTE_MS / messagesPerMinute);
    if (ts >= span.toMs) return;
    yield { kind: 'channel', ts: Math.floor(ts), user, channel: random.pick(channels), action: 'message' };
  }
}
