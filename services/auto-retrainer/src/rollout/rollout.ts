import type { GateReport } from '@liminal/shared/contracts/gate';
import type { HoldOut, TrainingReason, TrainReleaseResult } from '@liminal/shared/contracts/jobs';
import type { MovePointerResult } from '@liminal/shared/contracts/release-moves';
import type { ShadowCounts } from '@liminal/shared/contracts/shadow-counts';
import { blindness } from './blindness.ts';
import { type ShadowLimits, shadowVerdict } from './shadow-verdict.ts';
import type { WatchVerdict } from './watch.ts';

export const PHASES = ['training', 'gating', 'shadowing', 'promoting', 'watching', 'rolling-back', 'clearing'] as const;
export type Phase = (typeof PHASES)[number];

/** `overtaken`: somebody else moved the pointer meanwhile. */
export const OUTCOMES = ['promoted', 'refused', 'dropped', 'rolled-back', 'overtaken', 'failed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface RolloutStep {
  at: number;
  step: Phase | Outcome;
  because: string;
}

/** One attempt to replace the release that serves, from the reason to what came of it. */
export interface Rollout {
  id: string;
  reason: TrainingReason;
  because: string;
  requestedBy: string;
  /** Rows to train on, by event time. */
  rows: { sinceTs?: number; untilTs?: number };
  /** The first own release, or a person's wish: no gate and no shadow stand before it (see `isComparedMeanwhile`). */
  skips: 'nothing' | 'gate and shadow' | 'everything';
  champion: string | null;
  challenger: string | null;
  holdOut: HoldOut | null;
  phase: Phase;
  /** When the phase began; while shadowing, when the pointer was first seen to show the challenger. */
  phaseSince: number;
  /** Whether the pointer was seen to show the challenger as a shadow. */
  isShadow: boolean;
  /** What it will have come to once no release is a shadow any more. */
  outcome: Outcome | null;
  endedAt: number | null;
  /** The story, oldest first. */
  steps: RolloutStep[];
}

/** A release that hardly anything came to is watched for so many times as long. */
const LONGEST_WATCH = 4;

/** What is known of a job of a rollout. */
export type JobFact<Result> =
  | { state: 'absent' | 'pending' }
  | { state: 'done'; result: Result }
  | { state: 'failed'; error: string };

export interface RolloutFacts {
  now: number;
  production: string | null;
  shadow: string | null;
  /** The job that the current phase needs; pointers were read after a move that is done. */
  training?: JobFact<TrainReleaseResult>;
  gate?: JobFact<GateReport>;
  move?: JobFact<MovePointerResult>;
  /** Of the challenger beside the champion. */
  shadowCounts: ShadowCounts;
  watch: WatchVerdict;
}

export interface RolloutLimits extends ShadowLimits {
  /** How long a promoted release is watched. */
  watchMs: number;
}

/**
 * The next state of a rollout, as a pure function: at most one phase on, and the same object where nothing has changed.
 * Whatever the phase needs done is done from the stored state alone (`handlers/rollout-jobs.ts`), any number of times
 * to the same effect, so a crash anywhere goes on where it was.
 */
export function advance(rollout: Rollout, facts: RolloutFacts, limits: RolloutLimits): Rollout {
  if (rollout.endedAt !== null) return rollout;
  switch (rollout.phase) {
    case 'training':
      return afterTraining(rollout, facts);
    case 'gating':
      return afterGate(rollout, facts);
    case 'shadowing':
      return afterShadow(rollout, facts, limits);
    case 'promoting':
      return afterPromotion(rollout, facts);
    case 'watching':
      return afterWatch(rollout, facts, limits);
    case 'rolling-back':
      return afterRollback(rollout, facts);
    case 'clearing':
      return afterClearing(rollout, facts);
  }
}

/**
 * Whether the gate compares it while it serves already. A person may leave the gate out, but live traffic alone shows only
 * alarms that are too many: a release that no longer finds attacks is quiet.
 */
export const isComparedMeanwhile = ({ phase, skips, champion }: Rollout): boolean =>
  phase === 'watching' && skips === 'gate and shadow' && champion !== null;

/** A person's wish to go back from a release that is watched. */
export const turnBack = (rollout: Rollout, now: number, because: string): Rollout =>
  enter(rollout, now, 'rolling-back', because);

/** Ends a rollout on a person's wish, wherever it is. */
export const drop = (rollout: Rollout, now: number, because: string): Rollout =>
  end({ ...rollout, outcome: 'dropped' }, now, because);

export function newRollout(
  given: Pick<Rollout, 'id' | 'reason' | 'because' | 'requestedBy' | 'rows' | 'skips' | 'champion'>,
  now: number,
): Rollout {
  const steps: RolloutStep[] = [{ at: now, step: 'training', because: given.because }];
  const open = { challenger: null, holdOut: null, outcome: null, endedAt: null, isShadow: false };
  return { ...given, ...open, phase: 'training', phaseSince: now, steps };
}

/** Outcomes that will be the same again where their reason lasts. */
const LASTING: readonly (Outcome | null)[] = ['refused', 'dropped', 'rolled-back'];

/** How many of the newest rollouts that nobody asked for, `ended` being oldest first, came to nothing. */
export function failedInARow(ended: readonly Rollout[]): number {
  const lastPromoted = ended.findLastIndex(({ outcome }) => outcome === 'promoted');
  return ended.slice(lastPromoted + 1).filter(({ reason, outcome }) => reason !== 'manual' && LASTING.includes(outcome))
    .length;
}

/** A rollout that only goes back, to `to`. */
export function newRollback(
  given: Pick<Rollout, 'id' | 'because' | 'requestedBy'> & { from: string; to: string },
  now: number,
): Rollout {
  const { from, to, ...rest } = given;
  const started = newRollout({ ...rest, reason: 'manual', rows: {}, skips: 'everything', champion: to }, now);
  return {
    ...started,
    challenger: from,
    phase: 'rolling-back',
    steps: [{ at: now, step: 'rolling-back', because: given.because }],
  };
}

function afterTraining(rollout: Rollout, { now, training }: RolloutFacts): Rollout {
  if (training?.state === 'failed') return clear(rollout, now, 'failed', `training failed: ${training.error}`);
  if (training?.state !== 'done') return rollout;
  const { release, holdOut } = training.result;
  const trained = { ...rollout, challenger: release, holdOut: holdOut ?? null };
  // The training of the first own release has moved the pointer itself.
  if (rollout.skips === 'everything') return end({ ...trained, outcome: 'promoted' }, now, `${release} serves`);
  if (rollout.skips === 'gate and shadow')
    return enter(trained, now, 'promoting', 'gate and shadow left out on request');
  return enter(trained, now, 'gating', `${release} is trained`);
}

function afterGate(rollout: Rollout, { now, gate }: RolloutFacts): Rollout {
  if (gate?.state === 'failed') return clear(rollout, now, 'failed', `the comparison failed: ${gate.error}`);
  if (gate?.state !== 'done') return rollout;
  const { passed, checks } = gate.result;
  if (passed) return enter(rollout, now, 'shadowing', 'passed the gate');
  const failed = checks.filter((check) => !check.passed).map(({ because }) => because);
  return clear(rollout, now, 'refused', failed.join('; '));
}

function afterShadow(rollout: Rollout, facts: RolloutFacts, limits: RolloutLimits): Rollout {
  const { now, production, shadow, move, shadowCounts } = facts;
  if (production !== rollout.champion) return clear(rollout, now, 'overtaken', `${production} serves meanwhile`);
  if (shadow !== rollout.challenger) {
    if (move?.state === 'failed') return clear(rollout, now, 'failed', `could not be a shadow: ${move.error}`);
    if (move?.state === 'done') return clear(rollout, now, 'overtaken', `${shadow} is the shadow meanwhile`);
    return rollout;
  }
  if (!rollout.isShadow) return { ...rollout, isShadow: true, phaseSince: now };
  const verdict = shadowVerdict(shadowCounts, now - rollout.phaseSince, limits);
  if (verdict === undefined) return rollout;
  const { passed, because } = verdict;
  return passed ? enter(rollout, now, 'promoting', because) : clear(rollout, now, 'dropped', because);
}

function afterPromotion(rollout: Rollout, { now, production, move }: RolloutFacts): Rollout {
  if (production === rollout.challenger) return enter(rollout, now, 'watching', `${rollout.challenger} serves`);
  if (production !== rollout.champion || move?.state === 'done') {
    return clear(rollout, now, 'overtaken', `${production} serves meanwhile`);
  }
  if (move?.state === 'failed') return clear(rollout, now, 'failed', `could not be promoted: ${move.error}`);
  return rollout;
}

function afterWatch(rollout: Rollout, facts: RolloutFacts, { watchMs }: RolloutLimits): Rollout {
  const { now, production, watch, gate } = facts;
  if (production !== rollout.challenger) return clear(rollout, now, 'overtaken', `${production} serves meanwhile`);
  const breach = watch.breach ?? (gate?.state === 'done' ? blindness(gate.result) : null);
  if (breach !== null) {
    if (rollout.champion !== null) return enter(rollout, now, 'rolling-back', breach);
    return clear(rollout, now, 'promoted', `${breach}, but nothing served before`);
  }
  const isWaiting = isComparedMeanwhile(rollout) && gate?.state !== 'done' && gate?.state !== 'failed';
  const elapsedMs = now - rollout.phaseSince;
  if (elapsedMs < (watch.hasSeenEnough && !isWaiting ? watchMs : LONGEST_WATCH * watchMs)) return rollout;
  if (!watch.isTakenUp && rollout.champion !== null) {
    return enter(rollout, now, 'rolling-back', 'not taken up by the predictor while it was watched');
  }
  const comparison =
    gate?.state === 'failed' ? `, the comparison failed: ${gate.error}` : isWaiting ? ', not compared in time' : '';
  return clear(rollout, now, 'promoted', watch.because + comparison);
}

function afterRollback(rollout: Rollout, { now, production, move }: RolloutFacts): Rollout {
  if (production === rollout.champion) return clear(rollout, now, 'rolled-back', `${rollout.champion} serves again`);
  if (move?.state === 'failed') return clear(rollout, now, 'failed', `could not go back: ${move.error}`);
  return move?.state === 'done' ? clear(rollout, now, 'overtaken', `${production} serves meanwhile`) : rollout;
}

function afterClearing(rollout: Rollout, { now, production, shadow, move }: RolloutFacts): Rollout {
  // A shadow that is what serves is none.
  const isClear = shadow === null || shadow === production;
  const last = rollout.steps.at(-1)!.because;
  if (move?.state === 'failed') return end(rollout, now, `${last}; the shadow could not be cleared: ${move.error}`);
  return isClear ? end(rollout, now, last) : rollout;
}

const enter = (rollout: Rollout, now: number, phase: Phase, because: string): Rollout => ({
  ...rollout,
  phase,
  phaseSince: now,
  steps: [...rollout.steps, { at: now, step: phase, because }],
});

const clear = (rollout: Rollout, now: number, outcome: Outcome, because: string): Rollout => ({
  ...enter(rollout, now, 'clearing', because),
  outcome,
});

const end = (rollout: Rollout, now: number, because: string): Rollout => ({
  ...rollout,
  endedAt: now,
  steps: [...rollout.steps, { at: now, step: rollout.outcome!, because }],
});
