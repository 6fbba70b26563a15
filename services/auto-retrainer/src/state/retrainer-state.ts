import { Packr } from 'msgpackr';
import type { DriftState } from '../drift/drift-monitor.ts';
import type { WindowDrift } from '../drift/window-check.ts';
import type { Rollout } from '../rollout/rollout.ts';
import type { WatchState } from '../rollout/watch.ts';

/** The newest look at a window. */
export interface StoredCheck {
  at: number;
  release: string;
  referenceRows: number;
  windowRows: number;
  drift: WindowDrift;
}

/** A person's wish for a training. */
export interface RetrainRequest {
  by: string;
  because: string;
  rows: Rollout['rows'];
  skipsGate: boolean;
}

/** All that the auto-retrainer has to remember. Bounded. */
export interface RetrainerState {
  /** Stream id up to which the predictions of each partition were read. */
  cursors: Record<number, string>;
  drift: DriftState | null;
  /** Of the release that was followed before: it may serve again. */
  driftBefore: DriftState | null;
  check: StoredCheck | null;
  rollout: Rollout | null;
  watch: WatchState | null;
  /** The newest of those that have ended, oldest first. */
  ended: Rollout[];
  paused: { by: string; because: string; at: number } | null;
  request: RetrainRequest | null;
}

const FORMAT_VERSION = 1;
const MOST_ENDED = 50;
const packr = new Packr({ useRecords: false });

export const emptyState = (): RetrainerState => ({
  cursors: {},
  drift: null,
  driftBefore: null,
  check: null,
  rollout: null,
  watch: null,
  ended: [],
  paused: null,
  request: null,
});

export const encodeState = (state: RetrainerState): Buffer => packr.pack([FORMAT_VERSION, state]);

/** A state that another version wrote is begun anew: pointers, releases and jobs say what matters. */
export function decodeState(bytes: Buffer | null): RetrainerState {
  if (bytes === null) return emptyState();
  const [version, state] = packr.unpack(bytes) as [number, RetrainerState];
  if (version !== FORMAT_VERSION) return emptyState();
  // A watch that an earlier release of this service began knows of no failures: the rollout goes on without it.
  const watch = state.watch?.failuresBefore === undefined ? null : state.watch;
  return { ...emptyState(), ...state, watch };
}

/** Those that have ended, and the one that is under way. */
export const rolloutsOf = ({ ended, rollout }: RetrainerState): Rollout[] =>
  rollout === null ? ended : [...ended, rollout];

/** Puts a rollout that has ended among the others. */
export function closeRollout(state: RetrainerState): void {
  if (state.rollout === null || state.rollout.endedAt === null) return;
  state.ended = [...state.ended, state.rollout].slice(-MOST_ENDED);
  state.rollout = null;
  state.watch = null;
}
