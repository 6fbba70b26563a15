import type { Event } from '@liminal/shared/contracts/event';
import { hash32 } from '@liminal/shared/contracts/hash32';
import type { Attack } from './attacks/attack.ts';
import { type AttackCounts, defaultAttackCounts, planAttacks } from './attacks/plan-attacks.ts';
import type { Label } from './label.ts';
import { mergeByTime, type Source } from './merge-by-time.ts';
import { normalLife } from './people/normal-life.ts';
import { createPopulation } from './people/population.ts';

export interface TrafficOptions {
  readonly seed: number;
  /** Start and end of the period in event time, ms since the epoch; the end is not part of it. */
  readonly startMs: number;
  readonly endMs: number;
  /** Users of the platform. */
  readonly users: number;
}

export interface AttackedTrafficOptions extends TrafficOptions {
  /** Attacks by scenario, `'none'`, or by default a few that fit the number of users and the period. */
  readonly attacks?: Partial<AttackCounts> | 'none';
}

export interface Traffic {
  /** The events in time order. Each call starts again with the same events and ids. */
  events(): Generator<Event>;
  /** What is not normal in it, known before the first event. */
  readonly labels: Label[];
}

/**
 * Traffic of a platform over a period, a function of the options alone. Events are made one at a time: memory grows
 * with the number of users, not with the length of the period. Throws `RangeError` on options that make no sense.
 */
export function simulateTraffic(options: AttackedTrafficOptions): Traffic {
  assertOptions(options);
  const labels = prepare(options).attacks.map((attack) => attack.label);
  return { events: () => generate(options), labels };
}

/** The same platform with nobody attacking it. */
export function normalTraffic(options: TrafficOptions): Generator<Event> {
  return simulateTraffic({ ...options, attacks: 'none' }).events();
}

function* generate(options: AttackedTrafficOptions): Generator<Event> {
  const { people, attacks } = prepare(options);
  const run = runName(options);
  let position = 0;
  for (const event of mergeByTime([...people, ...attacks.map((attack) => attack.source)])) {
    event.id = `${run}-${position.toString(36)}`;
    position++;
    yield event;
  }
}

function prepare(options: AttackedTrafficOptions): { people: Source[]; attacks: Attack[] } {
  const { seed, users, startMs, endMs, attacks } = options;
  const accounts = createPopulation(seed, users, startMs, endMs);
  const counts = attacks === 'none' ? {} : (attacks ?? defaultAttackCounts(users, endMs - startMs));
  // Before anyone lives: attacks decide whether their victims are there.
  const planned = planAttacks(seed, counts, accounts, startMs, endMs);
  const people = accounts.map((account) => ({
    fromMs: account.appearsAtMs,
    events: normalLife(account, startMs, endMs),
  }));
  return { people, attacks: planned };
}

/** Two runs have the same ids only when they have the same events. */
function runName({ seed, startMs, endMs, users, attacks }: AttackedTrafficOptions): string {
  const counts = typeof attacks === 'object' ? Object.entries(attacks).sort() : attacks;
  const text = JSON.stringify([seed, startMs, endMs, users, counts]);
  return `sim-${hash32(text).toString(36)}${hash32(`again ${text}`).toString(36)}`;
}

function assertOptions({ seed, startMs, endMs, users }: AttackedTrafficOptions): void {
  if (!Number.isInteger(seed)) throw new RangeError(`seed must be an integer, not ${seed}`);
  if (!Number.isInteger(users) || users < 1) throw new RangeError(`users must be at least 1, not ${users}`);
  if (!Number.isInteger(startMs) || !Number.isInteger(endMs) || startMs < 0 || endMs <= startMs) {
    throw new RangeError('startMs and endMs must be whole milliseconds since the epoch with the end after the start');
  }
}
