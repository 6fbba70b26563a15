import { describe, expect, it } from 'vitest';
import { planSimulation, type SimulationPlan } from './simulation-plan.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 10, 23, 12);
const hoursAgo = (hours: number): number => NOW - hours * HOUR_MS;

function plan(simulatedHoursAgo: number | null, hasOwnRelease: boolean, seed?: number): SimulationPlan {
  const state = simulatedHoursAgo === null ? null : { seed: 5, users: 250, simulatedToMs: hoursAgo(simulatedHoursAgo) };
  return planSimulation({ state, seed, hasOwnRelease, nowMs: NOW });
}

describe('planSimulation', () => {
  it('begins with a day without attacks, then attacks up to now', () => {
    const { seed, normal, attacked } = plan(null, false);
    expect(seed).toBe(1);
    expect(normal).toEqual({ startMs: hoursAgo(32), endMs: hoursAgo(8) });
    expect(attacked).toEqual({ startMs: hoursAgo(8), endMs: NOW, attacksPerScenario: 2 });
  });

  it('needs no day to learn from where a release of its own serves', () => {
    expect(plan(null, true)).toMatchObject({ normal: null, attacked: { startMs: hoursAgo(8) } });
  });

  it('continues from where it was, with the people of the home', () => {
    expect(plan(10, true)).toEqual({
      seed: 5,
      users: 250,
      normal: null,
      attacked: { startMs: hoursAgo(10), endMs: NOW, attacksPerScenario: 4 },
    });
  });

  it('first finishes the day that it was interrupted in', () => {
    expect(plan(20, false)).toMatchObject({
      normal: { startMs: hoursAgo(20), endMs: hoursAgo(8) },
      attacked: { startMs: hoursAgo(8) },
    });
    expect(plan(3, false)).toMatchObject({ normal: null, attacked: { startMs: hoursAgo(3) } });
  });

  it('adds nothing straight after the last time', () => {
    expect(plan(0, true).attacked).toBeNull();
  });

  it('has no attacks in a stretch too short for one', () => {
    expect(plan(1, true).attacked?.attacksPerScenario).toBe(0);
  });

  it('does not fill weeks', () => {
    expect(plan(500, true).attacked?.startMs).toBe(hoursAgo(32));
  });

  it('refuses another seed than the home has', () => {
    expect(() => plan(1, true, 6)).toThrow('seed 5');
    expect(plan(1, true, 5).seed).toBe(5);
    expect(plan(null, false, 6).seed).toBe(6);
  });
});
