import { setTimeout as delay } from 'node:timers/promises';

/** Longest wait a Node timer can hold is 2^31 − 1 ms; longer waits are cut into these. */
const LONGEST_TIMER_MS = 3_600_000;

export interface FeedClock {
  /** Milliseconds that never jump; the zero is arbitrary. */
  now(): number;
  /** What time it is: milliseconds since the epoch. */
  wallMs(): number;
  /** Resolves after `ms`, or as soon as `signal` aborts: it never rejects. */
  wait(ms: number, signal: AbortSignal | undefined): Promise<void>;
}

export const systemClock: FeedClock = {
  now: () => performance.now(),
  wallMs: Date.now,
  wait: async (ms, signal) => {
    const end = performance.now() + ms;
    for (let left = ms; left > 0 && !signal?.aborted; left = end - performance.now()) {
      await delay(Math.min(left, LONGEST_TIMER_MS), undefined, signal ? { signal } : {}).catch((error: unknown) => {
        if (!signal?.aborted) throw error;
      });
    }
  },
};
