import type { FeatureName } from '@liminal/shared/contracts/feature-vector';
import type { Evidence, SeriesEvidence, UserEvidence } from './evidence.ts';
import { NEXT_STEPS } from './next-steps.ts';
import { type Category, USUAL_SEVERITY, type Verdict, type VerdictSeverity } from './verdict.ts';

/** Who answers where no provider does; its verdict also stands beside those of providers. */
export const RULE_ANALYST = 'rules';

/** Below this many seconds between sign-ins, nobody types the password. */
const QUICK_SIGN_INS_SECONDS = 30;
/** Requests a minute that people do not keep up. */
const MACHINE_REQUESTS = 60;
const MANY_CHANNEL_EVENTS = 20;
/** More evenly spaced than this, gaps come from a timer (Goh–Barabási: −1 = a clock, 0 = chance). */
const CLOCKWORK = -0.6;
/** Of a token's clients: two of them, one of which shows it a fifth of the time, give more. */
const SHARED_TOKEN_BITS = 0.5;
/** More evenly used addresses (2^bits) than a thief's hosts and the owner's. */
const MANY_PLACES_BITS = 2.05;
const MOST_PLACES_OF_A_THEFT = 4;
/** There and back. */
const MOST_SWITCHES_OF_ONE_PERSON = 2;
const FEWEST_REQUESTS = 6;
/** Failed sign-ins that nobody makes who has forgotten a password. */
const MANY_FAILURES = 4;

interface Finding {
  category: Category;
  confidence: number;
  hypothesis: string;
  features: FeatureName[];
  events?: string[];
  severity?: VerdictSeverity;
}

/** A verdict by rule, from features, what they usually are, and the newest events. Pure; answers always. */
export function judgeByRules(evidence: Evidence): Verdict {
  return evidence.entity === 'series' ? judgeSeries(evidence) : judgeUser(evidence);
}

function judgeUser(evidence: UserEvidence): Verdict {
  const finding = findChannelSpam(evidence) ??
    findStuffing(evidence) ??
    findScraping(evidence) ??
    findForeignClients(evidence) ??
    findClockwork(evidence) ??
    findBenign(evidence) ?? {
      category: 'unknown',
      confidence: 0.3,
      hypothesis: 'No rule fits: no feature stands out by itself, their combination does.',
      features: strongest(evidence, 3),
    };
  const { category, confidence, hypothesis, features, events = [], severity = USUAL_SEVERITY[category] } = finding;
  const value = (name: FeatureName) => evidence.features[name];
  return {
    category,
    severity,
    confidence,
    hypothesis,
    evidence: [
      ...features.map((name) => ({
        reference: name,
        note: `${value(name) === null ? 'not observed' : round(value(name)!)}`,
      })),
      ...events.slice(-4).map((reference) => ({ reference, note: 'belongs to it' })),
    ],
    nextSteps: NEXT_STEPS[category],
  };
}

function findChannelSpam(evidence: UserEvidence): Finding | undefined {
  const rate = evidence.features.channel_activity ?? 0;
  const usual = Math.max(highOf(evidence, 'channel_activity'), 1);
  if (rate < MANY_CHANNEL_EVENTS && rate < 3 * usual) return undefined;
  if (rate < 2 * usual) return undefined;
  const posts = evidence.events.filter(({ event }) => event.kind === 'channel').map(({ reference }) => reference);
  return {
    category: 'channel-spam',
    confidence: rate >= 1.5 * MANY_CHANNEL_EVENTS ? 0.9 : 0.6,
    hypothesis: `Joins and messages come at ${round(rate)} a minute, where ${round(usual)} is much: faster than people type.`,
    features: ['channel_activity'],
    events: posts,
  };
}

function findStuffing(evidence: UserEvidence): Finding | undefined {
  const seconds = evidence.features.login_intervals;
  const { outcomes, references } = signInsOf(evidence);
  const failures = outcomes.filter((success) => !success).length;
  const isTried = failures >= MANY_FAILURES;
  // Without events the gaps alone say it; those of somebody who uses the account may be of several devices.
  const isQuiet = (evidence.features.requests_per_user ?? 0) < 1 && (evidence.features.jwt_usage_patterns ?? 0) === 0;
  const isQuick = seconds !== null && seconds <= QUICK_SIGN_INS_SECONDS;
  if (!isTried && !(isQuick && isQuiet && evidence.events.length === 0)) return undefined;
  const hasBrokenIn = isTried && outcomes.at(-1) === true;
  return {
    category: 'credential-stuffing',
    confidence: isTried ? 0.95 : 0.5,
    severity: hasBrokenIn ? 'critical' : 'high',
    hypothesis: `${isTried ? `${failures} sign-ins failed within minutes` : `Sign-ins are tried ${round(seconds!)} s apart`}${hasBrokenIn ? ', and the last one worked' : ''}: a program tries passwords on this account.`,
    features: ['login_intervals'],
    events: references,
  };
}

function signInsOf({ events }: UserEvidence): { outcomes: boolean[]; references: string[] } {
  const outcomes: boolean[] = [];
  const references: string[] = [];
  for (const { reference, event } of events) {
    if (event.kind !== 'login') continue;
    outcomes.push(event.success);
    references.push(reference);
  }
  return { outcomes, references };
}

function findScraping(evidence: UserEvidence): Finding | undefined {
  const rate = evidence.features.requests_per_user ?? 0;
  const usual = highOf(evidence, 'requests_per_user');
  const rhythm = evidence.features.burstiness_score;
  // The rate is of five minutes, so a scrape that has just begun shows a part of its own; its rhythm it shows at once.
  const isFast = rate >= MACHINE_REQUESTS || (rate >= usual && rate > 10);
  if (!isFast || rhythm === null || rhythm > -0.2) return undefined;
  return {
    category: 'scraping',
    confidence: rate >= MACHINE_REQUESTS ? 0.9 : 0.65,
    hypothesis: `${round(rate)} requests a minute at nearly even gaps: a program reads, no person.`,
    features: ['requests_per_user', 'burstiness_score'],
    events: evidence.events.filter(({ event }) => event.kind === 'request').map(({ reference }) => reference),
  };
}

function findForeignClients(evidence: UserEvidence): Finding | undefined {
  const spread = evidence.features.ip_entropy ?? 0;
  const perToken = evidence.features.jwt_usage_patterns ?? 0;
  if (perToken < SHARED_TOKEN_BITS && spread < MANY_PLACES_BITS) return undefined;
  const clients = clientsOf(evidence);
  // A change of network shows as well, but then one address follows the other.
  if (clients !== undefined && clients.switches <= MOST_SWITCHES_OF_ONE_PERSON && clients.places <= 3) return undefined;
  const places = Math.max(2, clients?.places ?? Math.round(2 ** spread));
  const isShared = places > MOST_PLACES_OF_A_THEFT || (clients?.tokens ?? 1) > 1 || spread >= MANY_PLACES_BITS;
  return {
    category: isShared ? 'shared-account' : 'stolen-token',
    confidence: clients === undefined || places === MOST_PLACES_OF_A_THEFT ? 0.55 : 0.75,
    hypothesis: isShared
      ? `Requests come from ${places} places in turns: several people use this account.`
      : `One token is shown by ${places} clients in turns: somebody beside its owner has it.`,
    features: ['jwt_usage_patterns', 'ip_entropy'],
    events: evidence.events.filter(({ event }) => event.kind === 'request').map(({ reference }) => reference),
  };
}

/** What the newest requests say of the clients behind them; undefined where they are too few to tell. */
function clientsOf({ events }: UserEvidence): { places: number; tokens: number; switches: number } | undefined {
  const requests = events.flatMap(({ event }) => (event.kind === 'request' ? [event] : []));
  if (requests.length < FEWEST_REQUESTS) return undefined;
  const switches = requests.filter(({ ip }, index) => index > 0 && requests[index - 1]!.ip !== ip).length;
  const tokens = new Set(requests.flatMap(({ tokenId }) => (tokenId === undefined ? [] : [tokenId]))).size;
  return { places: new Set(requests.map(({ ip }) => ip)).size, tokens, switches };
}

function findClockwork(evidence: UserEvidence): Finding | undefined {
  const rhythm = evidence.features.burstiness_score;
  if (rhythm === null || rhythm > CLOCKWORK) return undefined;
  return {
    category: 'slow-bot',
    confidence: rhythm < -0.8 ? 0.85 : 0.6,
    hypothesis: `Gaps between requests are even (${round(rhythm)}, where −1 is a clock): a program asks, no person.`,
    features: ['burstiness_score', 'requests_per_user'],
    events: evidence.events.filter(({ event }) => event.kind === 'request').map(({ reference }) => reference),
  };
}

const BENIGN: Partial<Record<FeatureName, { category: Category; hypothesis: string }>> = {
  requests_per_user: { category: 'busy-user', hypothesis: 'More requests than usual, in the rhythm of a person.' },
  predicted_user_load: {
    category: 'busy-user',
    hypothesis: 'The course of the requests is unusual, in the way of a person.',
  },
  channel_activity: { category: 'busy-user', hypothesis: 'More talk in channels than usual, at the pace of a person.' },
  ip_entropy: {
    category: 'changed-network',
    hypothesis: 'Requests come from more addresses than usual, one client at a time.',
  },
  jwt_usage_patterns: {
    category: 'changed-network',
    hypothesis: 'A token moved from one address to another, as with a change of network.',
  },
  login_intervals: {
    category: 'unusual-rhythm',
    hypothesis: 'Sign-ins lie closer together than usual, minutes and not seconds apart.',
  },
  burstiness_score: {
    category: 'unusual-rhythm',
    hypothesis: 'The rhythm of the requests is unusual, and no timer keeps it.',
  },
};

function findBenign(evidence: UserEvidence): Finding | undefined {
  const features = strongest(evidence, 2);
  const found = evidence.shares === null ? undefined : BENIGN[features[0]!];
  return found && { ...found, confidence: 0.5, features };
}

/** Features with the largest shares; without explanation those that are observed, in order. */
function strongest({ shares, features }: UserEvidence, count: number): FeatureName[] {
  const names = Object.keys(features) as FeatureName[];
  const observed = names.filter((name) => features[name] !== null);
  if (shares === null) return observed.slice(0, count);
  return names.sort((left, right) => shares[right] - shares[left]).slice(0, count);
}

/** The last percentile of everybody's; without explanation nothing counts as usual. */
const highOf = ({ expected }: UserEvidence, name: FeatureName): number => expected?.[name].everyone?.high ?? 0;

const round = (value: number): number => Number(value.toPrecision(3));

function judgeSeries({ series }: SeriesEvidence): Verdict {
  const { measure, value, expected, expectedLow, expectedHigh } = series;
  const isHigh = expected === null || value >= expected;
  const isTrouble = measure === 'error_ratio' || measure === 'p95_duration' || measure === 'failed_login_ratio';
  const category: Category = isTrouble ? (isHigh ? 'degradation' : 'unknown') : isHigh ? 'load-surge' : 'load-drop';
  const band =
    expectedLow === null || expectedHigh === null ? '' : `, expected ${round(expectedLow)} to ${round(expectedHigh)}`;
  return {
    category,
    severity: USUAL_SEVERITY[category],
    confidence: 0.6,
    hypothesis: `${measure} is ${round(value)}${band}.`,
    evidence: [
      { reference: measure, note: `${round(value)}${band}` },
      { reference: 'recent', note: 'its last minutes' },
    ],
    nextSteps: NEXT_STEPS[category],
  };
}
