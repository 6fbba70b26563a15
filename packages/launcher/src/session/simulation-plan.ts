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
/** A whole day, so that the release knows every hour of it. */
const NORMAL_MS = 24 * HOUR_MS;
const ATTACKED_MS = 8 * HOUR_MS;
/** Nothing worth a look happens in less. */
const SHORTEST_MS = 60_000;
/** An attack takes up to some hours, and its users a life before it. */
const SHORTEST_ATTACKED_MS = 2 * HOUR_MS;
/** Longer gaps are not filled: the start would take minutes. */
const LONGEST_MS = 24 * HOUR_MS;
const ATTACKS_PER_SCENARIO = 2;
const USERS = 300;
const DEFAULT_SEED = 1;

/**
 * Decides what to simulate: at first the day before and some hours with attacks up to now, later only what has passed
 * since the last time.
 *
 * @param state where the simulator of this home stands, null at the first time
 * @param seed asked for, undefined = whatever the home has
 * @throws RangeError when the home has another seed: the users of two populations would be mixed
 */
export function planSimulation(state: SimulatorState | null, seed: number | undefined, nowMs: number): SimulationPlan {
  if (state === null) {
    const splitMs = nowMs - ATTACKED_MS;
    return {
      seed: seed ?? DEFAULT_SEED,
      users: USERS,
      normal: { startMs: splitMs - NORMAL_MS, endMs: splitMs },
      attacked: { startMs: splitMs, endMs: nowMs, attacksPerScenario: ATTACKS_PER_SCENARIO },
    };
  }
  if (seed !== undefined && seed !== state.seed) {
    throw new RangeError(
      `this home was simulated with seed ${state.seed}: leave --seed out, or use another --home for seed ${seed}`,
    );
  }
  const startMs = Math.max(state.simulatedToMs, nowMs - LONGEST_MS);
  const lengthMs = nowMs - startMs;
  const attacksPerScenario = lengthMs >= SHORTEST_ATTACKED_MS ? Math.ceil(lengthMs / ATTACKED_MS) : 0;
  return {
    seed: state.seed,
    users: state.users,
    normal: null,
    attacked: lengthMs < SHORTEST_MS ? null : { startMs, endMs: nowMs, attacksPerScenario },
  };
}
