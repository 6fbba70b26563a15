import type { Random } from '@liminal/shared/runtime/random';
import type { Label } from '../label.ts';
import type { Source } from '../merge-by-time.ts';
import { type Account, activityAt } from '../people/account.ts';

/** An attack that has been decided on: what it will do, and the truth about it. */
export interface Attack {
  readonly label: Label;
  readonly source: Source;
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What an attack is planned with. */
export interface AttackSetting {
  readonly id: string;
  readonly random: Random;
  readonly startMs: number;
  readonly endMs: number;
  readonly accounts: readonly Account[];
  /** A user whom no other attack has; known to the platform from the start of the period. */
  takeVictim(): Account;
  /** An address that nobody else uses. */
  newAddress(): string;
}

/** Attacks leave this share of the period before them, so that the victim's normal behaviour can be seen first. */
const QUIET_SHARE = 0.1;
/** No attack takes more than this share of the period. */
const LONGEST_SHARE = 0.3;
const MINUTE_MS = 60_000;
const MAX_TRIES = 200;

/** A span of random length somewhere in the period; whole milliseconds. */
export function drawSpan(setting: AttackSetting, minMinutes: number, maxMinutes: number): Span {
  const { random, startMs, endMs } = setting;
  const periodMs = endMs - startMs;
  const wantedMs = random.uniform(minMinutes, maxMinutes) * MINUTE_MS;
  const lengthMs = Math.floor(Math.min(wantedMs, LONGEST_SHARE * periodMs));
  const fromMs = Math.floor(random.uniform(startMs + QUIET_SHARE * periodMs, endMs - lengthMs));
  return { fromMs, toMs: fromMs + lengthMs };
}

/** A span that begins when the owner of the account is likely to be around. */
export function drawWakingSpan(setting: AttackSetting, account: Account, minMinutes: number, maxMinutes: number): Span {
  let best = drawSpan(setting, minMinutes, maxMinutes);
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    if (setting.random.uniform(0, 2) < activityAt(account.habits, best.fromMs)) break;
    best = drawSpan(setting, minMinutes, maxMinutes);
  }
  return best;
}
