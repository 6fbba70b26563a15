import type { Client, TimedEvent } from '../timed-event.ts';
import { type Account, newTokenId } from './account.ts';
import { carrierAddress } from './addresses.ts';
import { isWeekend, localHour } from './diurnal.ts';
import { lognormal } from './lognormal.ts';
import { apiCall, pageRequest } from './requests.ts';

const REFRESH_AFTER_MS = 15 * 60_000;
const MISTYPED_PASSWORD_CHANCE = 0.04;
const HANDOVER_CHANCE = 0.05;
const SIGN_OUT_CHANCE = 0.25;
const MAX_THINK_TIME_MS = 8 * 60_000;

/**
 * One visit: sign-in, token, page loads (bursts of calls) with pauses to read in between, chat on some visits.
 * Ends by itself after some pages, or keeps going until `stayUntilMs` when that is given; never yields at or after
 * `limitMs`. Returns the time at which the visit was over.
 */
export function* session(
  account: Account,
  startMs: number,
  limitMs: number,
  stayUntilMs?: number,
): Generator<TimedEvent, number> {
  for (const event of visit(account, startMs, stayUntilMs)) {
    if (event.ts >= limitMs) return limitMs;
    yield event;
    startMs = event.ts;
  }
  return startMs;
}

function* visit(account: Account, startMs: number, stayUntilMs: number | undefined): Generator<TimedEvent> {
  const { random, habits, user } = account;
  let client = chooseClient(account, startMs);
  let ts = startMs;
  while (random.next() < MISTYPED_PASSWORD_CHANCE) {
    yield login(account, ts, client, false);
    ts += lognormal(random, 9_000, 0.5);
  }
  yield login(account, ts, client, true);
  ts += random.uniform(40, 250);
  yield* takeToken(account, ts, client, 'issue');

  let refreshAt = ts + REFRESH_AFTER_MS;
  let pagesLeft = Math.ceil(lognormal(random, habits.pagesPerSession, 0.6));
  let channel: string | undefined;
  if (random.next() < habits.chatChance) {
    channel = random.pick(habits.channels);
    ts += random.uniform(100, 400);
    yield tokenEvent(account, ts, client, 'use', account.tokenId);
    ts += random.uniform(10, 60);
    yield { kind: 'channel', ts: Math.floor(ts), user, channel, action: 'join' };
  }
  // A phone that leaves the wireless network of the house keeps its token and changes its address.
  const handoverAfter = client.userAgent === account.mobileUserAgent && random.next() < HANDOVER_CHANCE ? 3 : -1;

  for (let page = 0; stayUntilMs === undefined ? pagesLeft > 0 : ts < stayUntilMs; page++, pagesLeft--) {
    if (page === handoverAfter) client = { ip: carrierAddress(random.uint32()), userAgent: client.userAgent };
    if (ts >= refreshAt) {
      yield* takeToken(account, ts, client, 'refresh');
      ts += random.uniform(20, 80);
      refreshAt = ts + REFRESH_AFTER_MS;
    }
    yield pageRequest(random, ts, user, client, account.tokenId);
    const calls = 1 + random.int(5);
    for (let call = 0; call < calls; call++) {
      ts += lognormal(random, 60, 0.7);
      yield apiCall(random, ts, user, client, account.tokenId);
    }
    let pause = Math.min(lognormal(random, habits.thinkTimeMs, 1), MAX_THINK_TIME_MS);
    if (channel !== undefined) {
      const meanGap = 60_000 / habits.messagesPerMinute;
      for (let gap = random.exponential(meanGap); gap < pause; gap = random.exponential(meanGap)) {
        ts += gap;
        pause -= gap;
        yield { kind: 'channel', ts: Math.floor(ts), user, channel, action: 'message' };
      }
    }
    ts += pause;
  }
  if (channel !== undefined) yield { kind: 'channel', ts: Math.floor(ts), user, channel, action: 'leave' };
  if (random.next() < SIGN_OUT_CHANCE) yield tokenEvent(account, ts + 150, client, 'revoke', account.tokenId);
}

/** The token counts as the account's only once its event is out: nobody can steal it earlier. */
function* takeToken(
  account: Account,
  ts: number,
  client: Client,
  action: 'issue' | 'refresh',
): Generator<TimedEvent, void> {
  const tokenId = newTokenId(account);
  yield tokenEvent(account, ts, client, action, tokenId);
  account.tokenId = tokenId;
}

function chooseClient(account: Account, ts: number): Client {
  const { random, habits, office } = account;
  if (random.next() < habits.mobileChance) {
    const ip = random.next() < 0.5 ? account.home : carrierAddress(random.uint32());
    return { ip, userAgent: account.mobileUserAgent };
  }
  const hour = localHour(ts, habits.zoneHours);
  const isOfficeTime = hour >= 8 && hour < 18 && !isWeekend(ts, habits.zoneHours);
  return office !== undefined && isOfficeTime ? office : { ip: account.home, userAgent: account.desktopUserAgent };
}

export function login(account: Pick<Account, 'user'>, ts: number, client: Client, success: boolean): TimedEvent {
  return {
    kind: 'login',
    ts: Math.floor(ts),
    user: account.user,
    ip: client.ip,
    success,
    userAgent: client.userAgent,
  };
}

export function tokenEvent(
  account: Pick<Account, 'user'>,
  ts: number,
  client: Client,
  action: 'issue' | 'refresh' | 'use' | 'revoke',
  tokenId: string,
): TimedEvent {
  return {
    kind: 'token',
    ts: Math.floor(ts),
    user: account.user,
    tokenId,
    action,
    ip: client.ip,
    userAgent: client.userAgent,
  };
}
