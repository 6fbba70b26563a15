import type { TrainingReason } from '@liminal/shared/contracts/jobs';
import type { AlertEffect } from '../drift/drift-monitor.ts';

/** What the rules look at. */
export interface Situation {
  /** Milliseconds since the epoch. */
  now: number;
  /** The release that serves, if any. `spanMs`: event time that its training rows cover. */
  production: { release: string; provisional: boolean; createdAt: number; spanMs: number } | undefined;
  /** What is archived for training. */
  rows: number;
  users: number;
  /** Whether a training waits or runs already, or what came of one is not decided yet. */
  isTraining: boolean;
  isPaused: boolean;
  /** When the last rollout ended, whatever came of it. */
  lastEndedAt: number | undefined;
  /** Rollouts that nobody asked for and that were refused, dropped or rolled back, since the last promotion. */
  failedInARow: number;
  /** Whether the last rollout went back from a release of this platform's own data. */
  hasGoneBack: boolean;
  /** What a person asked for. */
  request: { by: string; because: string } | undefined;
  /** What is known of the release that serves; undefined while nothing is. `spanMs`: event time since the change. */
  drift:
    | { isAlarm: boolean; effect: AlertEffect; sinceTs: number | null; rowsSinceChange: number; spanMs: number }
    | undefined;
  /** Verdicts of analysts on alarms of the release that serves; undefined without any. */
  verdicts: { confirmed: number; judged: number } | undefined;
}

export interface Limits {
  bootstrapMinRows: number;
  bootstrapMinUsers: number;
  /** Rows since the drift began from which a release is trained. */
  driftMinRows: number;
  /** After this age a release is trained anew. */
  maxAgeMs: number;
  /** Share of confirmed alarms below which a release is trained anew. */
  precisionFloor: number;
  /** Verdicts from which the share counts. */
  minVerdicts: number;
  /** Quiet after each rollout; after each further one without a promotion twice as long. */
  coolDownMs: number;
}

export type WaitReason =
  | 'not-needed'
  | 'training'
  | 'too-few-rows'
  | 'too-few-users'
  | 'too-few-hours'
  | 'paused'
  | 'cool-down'
  | 'drift-without-effect';

export type Decision =
  /** `sinceTs`: only rows from then on, ms of event time. */
  | { action: 'train'; reason: TrainingReason; because: string; sinceTs?: number }
  | { action: 'wait'; reason: WaitReason; because: string };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Quiet after an attempt at the first own release, which waits for no cool-down. */
const BOOTSTRAP_RETRY_MS = 60_000;
/** The quiet is not doubled more often: at an hour it is 32 hours then. */
const MOST_DOUBLINGS = 5;

const wait = (reason: WaitReason, because: string): Decision => ({ action: 'wait', reason, because });

/**
 * When to train, as a pure function; the first rule that applies decides. People come first, but never into a training
 * that runs. The first release of this platform's own data replaces the factory release as soon as there are rows for
 * it, cool-down or not.
 */
export function decide(situation: Situation, limits: Limits): Decision {
  const { production, isTraining, isPaused, request, now } = situation;
  if (isTraining) return wait('training', 'a training waits or runs already, or its release is not decided yet');
  if (request !== undefined) {
    const { by, because } = request;
    return tooFew(situation, limits) ?? { action: 'train', reason: 'manual', because: `${by}: ${because}` };
  }
  if (isPaused) return wait('paused', 'paused by POST /pause');
  if (production === undefined || production.provisional) return bootstrap(situation, limits);
  const coolDown = coolingDown(situation, coolDownMs(situation, limits));
  if (coolDown !== undefined) return coolDown;
  const found = drift(situation, limits);
  // Drift that is only reported, or waits for rows, keeps nothing else from its turn.
  const old = age(production, now, limits);
  return feedback(situation, limits) ?? (old.action === 'train' && found?.action !== 'train' ? old : (found ?? old));
}

/** What was refused, dropped or taken back for a lasting reason will be so again. */
const coolDownMs = ({ failedInARow }: Situation, limits: Limits): number =>
  limits.coolDownMs * 2 ** Math.min(Math.max(failedInARow - 1, 0), MOST_DOUBLINGS);

function coolingDown({ now, lastEndedAt, failedInARow }: Situation, quietMs: number): Decision | undefined {
  if (lastEndedAt === undefined || now >= lastEndedAt + quietMs) return undefined;
  const failed = failedInARow > 1 ? `, the last ${failedInARow} without a promotion` : '';
  const until = new Date(lastEndedAt + quietMs).toISOString();
  return wait(
    'cool-down',
    `the last rollout ended at ${new Date(lastEndedAt).toISOString()}${failed}: quiet until ${until}`,
  );
}

function bootstrap(situation: Situation, limits: Limits): Decision {
  // Whoever has gone back to the factory release does not want the next one in a minute.
  const quietMs = situation.hasGoneBack ? coolDownMs(situation, limits) : BOOTSTRAP_RETRY_MS;
  const coolDown = coolingDown(situation, quietMs);
  if (coolDown !== undefined) return coolDown;
  const because = `${situation.rows} rows of ${situation.users} users are enough to start with`;
  return tooFew(situation, limits) ?? { action: 'train', reason: 'bootstrap', because };
}

function tooFew({ rows, users }: Situation, limits: Limits): Decision | undefined {
  if (rows < limits.bootstrapMinRows) return wait('too-few-rows', `${rows} of ${limits.bootstrapMinRows} rows`);
  if (users < limits.bootstrapMinUsers) {
    return wait('too-few-users', `rows of ${users} of ${limits.bootstrapMinUsers} users`);
  }
  return undefined;
}

/** A precision below the floor is an effect of drift as well: where there is drift, it is trained on what came since. */
function feedback(situation: Situation, limits: Limits): Decision | undefined {
  const { verdicts, drift: found } = situation;
  if (verdicts === undefined || verdicts.judged < limits.minVerdicts) return undefined;
  const { confirmed, judged } = verdicts;
  if (confirmed / judged >= limits.precisionFloor) return undefined;
  const because = `${confirmed} of ${judged} alarms were confirmed`;
  const hasDrift = found?.isAlarm && tooFewSinceChange(situation, limits) === undefined;
  return { action: 'train', reason: 'feedback', because, ...(hasDrift && sinceChange(found)) };
}

function drift(situation: Situation, limits: Limits): Decision | undefined {
  const found = situation.drift;
  if (found === undefined || !found.isAlarm) return undefined;
  const { effect, rowsSinceChange } = found;
  if (effect === 'none') return wait('drift-without-effect', 'drift that leaves the alarm rate where it belongs');
  const because = `drift that ${effect} the alarm rate, ${rowsSinceChange} rows since it began`;
  return tooFewSinceChange(situation, limits) ?? { action: 'train', reason: 'drift', because, ...sinceChange(found) };
}

const sinceChange = ({ sinceTs }: NonNullable<Situation['drift']>) => (sinceTs === null ? {} : { sinceTs });

/**
 * Traffic has its hours of the day, and a release that has not seen some takes them for drift: it is trained on as many
 * as the one that serves has seen.
 */
function tooFewSinceChange({ drift: found, production }: Situation, { driftMinRows }: Limits): Decision | undefined {
  const { rowsSinceChange, spanMs } = found!;
  if (rowsSinceChange < driftMinRows) {
    return wait('too-few-rows', `${rowsSinceChange} of ${driftMinRows} rows since the drift began`);
  }
  const neededMs = Math.min(production!.spanMs, DAY_MS);
  if (spanMs >= neededMs) return undefined;
  const [hours, needed] = [spanMs / HOUR_MS, neededMs / HOUR_MS].map((value) => value.toFixed(1));
  return wait(
    'too-few-hours',
    `${hours} of the ${needed} hours that the serving release has seen, since the drift began`,
  );
}

function age(
  { release, createdAt }: { release: string; createdAt: number },
  now: number,
  { maxAgeMs }: Limits,
): Decision {
  const createdOn = new Date(createdAt).toISOString();
  if (now - createdAt < maxAgeMs) return wait('not-needed', `release ${release} of ${createdOn} does its work`);
  return { action: 'train', reason: 'age', because: `release ${release} is of ${createdOn}` };
}
