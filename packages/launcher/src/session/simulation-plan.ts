import type { SimulatorState } from './simulator-state.ts';

/** A stretch of event time to simulate. */
export interface Stretch {
  startMs: number;
  endMs: number;
}

/** What a run of the simulator feeds, in this order. */
export interface SimulationPlan {
  seed: number;
  users: number;
  /** Traffic without attacks, which the first own release learns from; only where there is none yet. */
  normal: Stretch | null;
  /** Traffic with labelled attacks (none in a stretch too short for one); null when there is nothing to add. */
  attacked: (Stretch & { attacksPerScenario: number }) | null;
}

const HOUR_MS = 3_600_000;
/**
 * A whole day, so that the release knows every hour of it. With the hours after it this is the longest gap that is
 * filled: the start would take minutes otherwise.
 */
const NORMAL_MS = 24 * HOUR_MS;
const ATTACKED_MS = 8 * HOUR_MS;
/** Nothing worth a look happens in less. */
const SHORTEST_MS = 60_000;
/** An attack takes up to some hours, and its users a life before it. */
const SHORTEST_ATTACKED_MS = 2 * HOUR_MS;
/** Attacks of each scenario in every such stretch. */
const ATTACKS_PER_STRETCH = 2;
const USERS = 300;
const DEFAULT_SEED = 1;

export interface SimulationSituation {
  /** Where the simulator of this home stands, null at the first time. */
  state: SimulatorState | null;
  /** Asked for; undefined = whatever the home has. */
  seed: number | undefined;
  /** Whether a release of the platform's own data serves already, so that there is nothing to learn first. */
  hasOwnRelease: boolean;
  nowMs: number;
}

/**
 * Decides what to simulate: at first the day before and some hours with attacks up to now, later only what has passed
 * since the last time.
 *
 * @throws RangeError when the home has another seed: the users of two populations would be mixed
 */
export function planSimulation({ state, seed, hasOwnRelease, nowMs }: SimulationSituation): SimulationPlan {
  if (state !== null && seed !== undefined && seed !== state.seed) {
    throw new RangeError(
      `this home was simulated with seed ${state.seed}: leave --seed out, or use another --home for seed ${seed}`,
    );
  }
  const people = state ?? { seed: seed ?? DEFAULT_SEED, users: USERS };
  const attackedFromMs = nowMs - ATTACKED_MS;
  const firstMs = state?.simulatedToMs ?? attackedFromMs - (hasOwnRelease ? 0 : NORMAL_MS);
  const startMs = Math.max(firstMs, attackedFromMs - NORMAL_MS);
  const splitMs = hasOwnRelease ? startMs : Math.max(startMs, attackedFromMs);
  return {
    seed: people.seed,
    users: people.users,
    normal: startMs < splitMs ? { startMs, endMs: splitMs } : null,
    attacked: attackedStretch(splitMs, nowMs),
  };
}

function attackedStretch(startMs: number, endMs: number): SimulationPlan['attacked'] {
  const lengthMs = endMs - startMs;
  if (lengthMs < SHORTEST_MS) return null;
  const isLongEnough = lengthMs >= SHORTEST_ATTACKED_MS;
  return {
    startMs,
    endMs,
    attacksPerScenario: isLongEnough ? ATTACKS_PER_STRETCH * Math.ceil(lengthMs / ATTACKED_MS) : 0,
  };
}
