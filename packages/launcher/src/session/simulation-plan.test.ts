import { describe, expect, it } from 'vitest';
import { planSimulation } from './simulation-plan.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 10, 23, 12);
const before = (hours: number) => ({ seed: 5, users: 300, simulatedToMs: NOW - hours * HOUR_MS });

describe('planSimulation', () => {
  it('begins with a day without attacks, then attacks up to now', () => {
    const { seed, normal, attacked } = planSimulation(null, undefined, NOW);
    expect(seed).toBe(1);
    expect(normal).toEqual({ startMs: NOW - 32 * HOUR_MS, endMs: NOW - 8 * HOUR_MS });
    expect(attacked).toMatchObject({ startMs: NOW - 8 * HOUR_MS, endMs: NOW, attacksPerScenario: 2 });
  });

  it('continues from where it was, with the seed of the home', () => {
    const plan = planSimulation(before(10), undefined, NOW);
    expect(plan).toMatchObject({ seed: 5, users: 300, normal: null });
    expect(plan.attacked).toEqual({ startMs: NOW - 10 * HOUR_MS, endMs: NOW, attacksPerScenario: 2 });
  });

  it('adds nothing straight after the last time', () => {
    expect(planSimulation(before(0), undefined, NOW).attacked).toBeNull();
  });

  it('has no attacks in a stretch too short for one', () => {
    expect(planSimulation(before(1), undefined, NOW).attacked?.attacksPerScenario).toBe(0);
  });

  it('does not fill weeks', () => {
    expect(planSimulation(before(500), undefined, NOW).attacked?.startMs).toBe(NOW - 24 * HOUR_MS);
  });

  it('refuses another seed than the home has', () => {
    expect(() => planSimulation(before(1), 6, NOW)).toThrow('seed 5');
    expect(planSimulation(before(1), 5, NOW).seed).toBe(5);
    expect(planSimulation(null, 6, NOW).seed).toBe(6);
  });
});
