import { hash32 } from '@liminal/shared/contracts/hash32';
import { Random } from '@liminal/shared/runtime/random';
import type { Account, Habits, Office } from './account.ts';
import { homeAddress, officeAddress } from './addresses.ts';
import { lognormal } from './lognormal.ts';
import { DESKTOP_USER_AGENTS, MOBILE_USER_AGENTS } from './user-agents.ts';

const FIRST_NAMES =
  'ada ben cara dima elif finn gina hugo ines jonas kira liam mira nils olga paul quinn rosa sami tara umut vera wim xenia yuki zoe'.split(
    ' ',
  );
const LAST_NAMES =
  'adler baker costa dumas egger fuchs garcia haas ito jansen kaya lopez meier novak olsen peeters quist rossi silva tanaka urban vogel weiss young zhang'.split(
    ' ',
  );

/** Share of users who sign in for the first time during the period. */
const NEWCOMER_SHARE = 0.08;
const USERS_PER_OFFICE = 15;
const MAX_OFFICES = 250;
const OFFICE_SHARE = 0.4;

/** Hours ahead of UTC with the share of users who live there, cumulated. */
const ZONES = [
  { zoneHours: 1, upTo: 0.7 },
  { zoneHours: -5, upTo: 0.9 },
  { zoneHours: 8, upTo: 1 },
] as const;

/**
 * The users of a platform, drawn from `seed`. Activity is heavy-tailed: sessions a day and pages a session are
 * log-normal, so that their product is, and a few users make most of the requests. Each user has a generator of its
 * own: what one does leaves every other one unchanged. Who they are depends on the seed alone, what they do on the
 * start of the period too: two periods with one seed are two stretches in the lives of the same people.
 */
export function createPopulation(seed: number, users: number, startMs: number, endMs: number): Account[] {
  const random = new Random(hash32(`population ${seed}`));
  const offices = createOffices(random, users);
  const channels = createChannels(users);
  return Array.from({ length: users }, (_, index) => {
    const life = new Random(hash32(`life ${seed} ${index} ${startMs}`));
    return createAccount(index, new Random(hash32(`user ${seed} ${index}`)), life, {
      offices,
      channels,
      startMs,
      endMs,
    });
  });
}

interface Surroundings {
  offices: readonly Office[];
  channels: readonly string[];
  startMs: number;
  endMs: number;
}

function createAccount(index: number, random: Random, life: Random, around: Surroundings): Account {
  const isNewcomer = life.next() < NEWCOMER_SHARE;
  const office = random.next() < OFFICE_SHARE ? random.pick(around.offices) : undefined;
  return {
    user: userName(index),
    index,
    random: life,
    habits: createHabits(random, around.channels),
    appearsAtMs: isNewcomer ? life.uniform(around.startMs, around.endMs) : around.startMs,
    home: homeAddress(index),
    office,
    desktopUserAgent: random.pick(DESKTOP_USER_AGENTS),
    mobileUserAgent: random.pick(MOBILE_USER_AGENTS),
    arrangement: undefined,
    tokenId: '',
    tokensIssued: 0,
  };
}

function createHabits(random: Random, channels: readonly string[]): Habits {
  const place = random.next();
  const isChatter = random.next() < 0.35;
  return {
    zoneHours: ZONES.find((zone) => place < zone.upTo)!.zoneHours,
    peakHour: 14 + 2.5 * random.normal(),
    sessionsPerDay: Math.min(lognormal(random, 2.5, 0.8), 24),
    weekendShare: random.uniform(0.2, 1.1),
    pagesPerSession: Math.min(lognormal(random, 9, 0.7), 120),
    thinkTimeMs: lognormal(random, 14_000, 0.35),
    chatChance: isChatter ? random.uniform(0.4, 0.95) : random.uniform(0, 0.12),
    messagesPerMinute: Math.min(lognormal(random, 1.2, 0.6), 6),
    mobileChance: random.next() < 0.3 ? random.uniform(0.3, 0.9) : random.uniform(0, 0.15),
    channels: favouriteChannels(random, channels),
  };
}

/** Zipf's law over the channels of the platform: everyone knows the first, few the last. */
function favouriteChannels(random: Random, channels: readonly string[]): string[] {
  const favourites = new Set<string>();
  const wanted = 1 + random.int(4);
  for (let attempt = 0; attempt < wanted; attempt++) {
    // Inverse of the distribution function of the log-uniform law, the continuous form of Zipf's with exponent 1.
    const rank = Math.floor((channels.length + 1) ** random.next()) - 1;
    favourites.add(channels[Math.min(rank, channels.length - 1)]!);
  }
  return [...favourites];
}

function createOffices(random: Random, users: number): Office[] {
  const count = Math.min(Math.max(Math.round((users * OFFICE_SHARE) / USERS_PER_OFFICE), 1), MAX_OFFICES);
  // One image on all machines of an office, as its administrators roll it out.
  return Array.from({ length: count }, (_, index) => ({
    ip: officeAddress(index),
    userAgent: random.pick(DESKTOP_USER_AGENTS),
  }));
}

const createChannels = (users: number): string[] =>
  Array.from({ length: 8 + Math.ceil(users / 20) }, (_, index) => `room-${index + 1}`);

function userName(index: number): string {
  const first = FIRST_NAMES[index % FIRST_NAMES.length]!;
  const last = LAST_NAMES[Math.floor(index / FIRST_NAMES.length) % LAST_NAMES.length]!;
  const round = Math.floor(index / (FIRST_NAMES.length * LAST_NAMES.length));
  return round === 0 ? `${first}.${last}` : `${first}.${last}${round + 1}`;
}
