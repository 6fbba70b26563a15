import type { Random } from '@liminal/shared/runtime/random';
import { diurnalWeight, isWeekend, localHour } from './diurnal.ts';

/** An office whose people share one address. */
export interface Office {
  readonly ip: string;
  readonly userAgent: string;
}

/** What a person is like. Rates are means; shares and chances lie in [0, 1]. */
export interface Habits {
  readonly zoneHours: number;
  /** Local hour at which this person is most active. */
  readonly peakHour: number;
  readonly sessionsPerDay: number;
  /** Activity on a weekend day relative to a working day. */
  readonly weekendShare: number;
  readonly pagesPerSession: number;
  /** Median pause between two page loads. */
  readonly thinkTimeMs: number;
  /** Chance that a session is one with chat. */
  readonly chatChance: number;
  readonly messagesPerMinute: number;
  /** Chance that a session is on the phone. */
  readonly mobileChance: number;
  readonly channels: readonly string[];
}

/** A span in which an attack decides whether the owner is there. */
export interface Arrangement {
  readonly presence: 'online' | 'away';
  readonly fromMs: number;
  readonly toMs: number;
}

/** A user of the platform, with what changes while the simulation runs. */
export interface Account {
  readonly user: string;
  readonly index: number;
  /** Decides what the person does in the period. */
  readonly random: Random;
  readonly habits: Habits;
  /** Event time of the first sign-in at the earliest. */
  readonly appearsAtMs: number;
  readonly home: string;
  readonly office: Office | undefined;
  readonly desktopUserAgent: string;
  readonly mobileUserAgent: string;
  /** Set by at most one attack, before the simulation runs. */
  arrangement: Arrangement | undefined;
  /** The token of the session that runs now, or of the last one; '' before the first. */
  tokenId: string;
  tokensIssued: number;
}

/** A token id that no other account or session gets. */
export function newTokenId(account: Account): string {
  account.tokensIssued++;
  return `jwt-${account.index.toString(36)}-${account.tokensIssued.toString(36)}-${account.random.uint32().toString(36)}`;
}

/** How active the person is at that moment, relative to the mean over a working day. */
export function activityAt(habits: Habits, ts: number): number {
  const weight = diurnalWeight(localHour(ts, habits.zoneHours), habits.peakHour);
  return isWeekend(ts, habits.zoneHours) ? weight * habits.weekendShare : weight;
}
