import type { GateReport } from '@liminal/shared/contracts/gate';
import { noShadowCounts } from '@liminal/shared/contracts/shadow-counts';
import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import {
  advance,
  drop,
  failedInARow,
  newRollback,
  newRollout,
  type Rollout,
  type RolloutFacts,
  turnBack,
} from './rollout.ts';

const CHAMPION = 'r-20260101T000000-00000000';
const CHALLENGER = 'r-20260102T000000-11111111';
const OTHER = 'r-20260103T000000-22222222';
const limits = { shadowVectors: 100, shadowMs: 60_000, anomalyAlertRate: 0.01, watchMs: 60_000 };
const quietShadow = { ...noShadowCounts(), vectors: 100, alarms: 1, productionAlarms: 30, disagreements: 29 };
const quietWatch = { breach: null, hasSeenEnough: true, isTakenUp: true, because: 'quiet' };
const emptyWatch = { ...quietWatch, hasSeenEnough: false };
const breach = { ...quietWatch, breach: 'noisy' };

const facts = (change: Partial<RolloutFacts> = {}): RolloutFacts => ({
  now: 1_000,
  production: CHAMPION,
  shadow: null,
  shadowCounts: noShadowCounts(),
  watch: quietWatch,
  ...change,
});

const trained = { state: 'done', result: { release: CHALLENGER, promoted: false } } as const;
const gate = (passed: boolean): NonNullable<RolloutFacts['gate']> => ({
  state: 'done',
  result: {
    challenger: CHALLENGER,
    champion: CHAMPION,
    passed,
    checks: [{ check: 'alarm-rate', passed, challenger: 9, champion: 1, limit: 3, because: 'alarms on 9 of 20 users' }],
    rows: 20,
    fromTs: 0,
    toTs: 1,
    at: '2026-01-02T00:00:00.000Z',
  },
});
const compared = (challenger: number): NonNullable<RolloutFacts['gate']> => {
  const { result } = gate(false) as { result: GateReport };
  const separation = { ...result.checks[0]!, check: 'separation' as const, challenger, champion: 0.95, limit: 0.9 };
  return { state: 'done', result: { ...result, checks: [...result.checks, separation] } };
};
const moved = (isMoved: boolean): NonNullable<RolloutFacts['move']> => ({
  state: 'done',
  result: { moved: isMoved, pointer: null },
});
const scoring = { phase: 'shadowing', isShadow: true } as const;
const forced = { phase: 'watching', skips: 'gate and shadow' } as const;
const failed = { state: 'failed', error: 'no rows' } as const;

function rollout(change: Partial<Rollout> = {}): Rollout {
  const started = newRollout(
    {
      id: 'drift-1',
      reason: 'drift',
      because: 'drift',
      requestedBy: 'test',
      rows: {},
      skips: 'nothing',
      champion: CHAMPION,
    },
    0,
  );
  return { ...started, challenger: CHALLENGER, ...change };
}

describe('advance', () => {
  it.each<[string, Partial<Rollout>, Partial<RolloutFacts>, Partial<Rollout>]>([
    ['waits for its training', { phase: 'training' }, { training: { state: 'pending' } }, { phase: 'training' }],
    [
      'waits for a training that nobody knows of yet',
      { phase: 'training' },
      { training: { state: 'absent' } },
      { phase: 'training' },
    ],
    [
      'goes from training to the gate',
      { phase: 'training', challenger: null },
      { training: trained },
      { phase: 'gating', challenger: CHALLENGER },
    ],
    [
      'leaves the gate out on request',
      { phase: 'training', skips: 'gate and shadow' },
      { training: trained },
      { phase: 'promoting' },
    ],
    [
      'ends when the training fails',
      { phase: 'training' },
      { training: failed },
      { phase: 'clearing', outcome: 'failed' },
    ],
    ['goes through the gate', { phase: 'gating' }, { gate: gate(true) }, { phase: 'shadowing' }],
    ['is refused by the gate', { phase: 'gating' }, { gate: gate(false) }, { phase: 'clearing', outcome: 'refused' }],
    ['ends when the comparison fails', { phase: 'gating' }, { gate: failed }, { phase: 'clearing', outcome: 'failed' }],
    ['waits until it is the shadow', { phase: 'shadowing' }, { shadowCounts: quietShadow }, { phase: 'shadowing' }],
    [
      'ends when it can not be the shadow',
      { phase: 'shadowing' },
      { move: failed },
      { phase: 'clearing', outcome: 'failed' },
    ],
    ['waits for vectors', scoring, { shadow: CHALLENGER }, { phase: 'shadowing' }],
    [
      'has its time as a shadow from when it is one',
      { phase: 'shadowing' },
      { shadow: CHALLENGER, now: 900_000 },
      { phase: 'shadowing', isShadow: true, phaseSince: 900_000 },
    ],
    [
      'gives way to another shadow',
      { phase: 'shadowing' },
      { shadow: OTHER, move: moved(false) },
      { phase: 'clearing', outcome: 'overtaken' },
    ],
    [
      'is promoted after a quiet shadow',
      scoring,
      { shadow: CHALLENGER, shadowCounts: quietShadow },
      { phase: 'promoting' },
    ],
    [
      'is dropped after a noisy shadow',
      scoring,
      { shadow: CHALLENGER, shadowCounts: { ...quietShadow, alarms: 38 } },
      { phase: 'clearing', outcome: 'dropped' },
    ],
    [
      'is dropped when no vector comes',
      scoring,
      { shadow: CHALLENGER, now: 240_000 },
      { phase: 'clearing', outcome: 'dropped' },
    ],
    [
      'gives way to somebody else while in the shadow',
      { phase: 'shadowing' },
      { production: OTHER },
      { phase: 'clearing', outcome: 'overtaken' },
    ],
    ['waits for its promotion', { phase: 'promoting' }, { move: { state: 'pending' } }, { phase: 'promoting' }],
    ['is watched once it serves', { phase: 'promoting' }, { production: CHALLENGER }, { phase: 'watching' }],
    [
      'gives way to somebody else while it is promoted',
      { phase: 'promoting' },
      { production: OTHER },
      { phase: 'clearing', outcome: 'overtaken' },
    ],
    [
      'ends when it can not be promoted',
      { phase: 'promoting' },
      { move: failed },
      { phase: 'clearing', outcome: 'failed' },
    ],
    ['stays while it is quiet', { phase: 'watching' }, { production: CHALLENGER }, { phase: 'watching' }],
    [
      'has made it after a quiet time',
      { phase: 'watching' },
      { production: CHALLENGER, now: 60_000 },
      { phase: 'clearing', outcome: 'promoted' },
    ],
    [
      'is watched on while nothing comes',
      { phase: 'watching' },
      { production: CHALLENGER, now: 239_999, watch: emptyWatch },
      { phase: 'watching' },
    ],
    [
      'has made it at last though nothing comes',
      { phase: 'watching' },
      { production: CHALLENGER, now: 240_000, watch: emptyWatch },
      { phase: 'clearing', outcome: 'promoted' },
    ],
    [
      'goes back at a breach',
      { phase: 'watching' },
      { production: CHALLENGER, watch: breach },
      { phase: 'rolling-back' },
    ],
    [
      'goes back when it was forced and finds much less than what served',
      forced,
      { production: CHALLENGER, gate: compared(0.799) },
      { phase: 'rolling-back' },
    ],
    [
      'stays when it was forced and finds less',
      forced,
      { production: CHALLENGER, gate: compared(0.801) },
      { phase: 'watching' },
    ],
    [
      'is watched on when it was forced until it is compared',
      forced,
      { production: CHALLENGER, now: 239_999, gate: { state: 'pending' } },
      { phase: 'watching' },
    ],
    [
      'has made it when it was forced and nobody compares it',
      forced,
      { production: CHALLENGER, now: 240_000, gate: { state: 'pending' } },
      { phase: 'clearing', outcome: 'promoted' },
    ],
    [
      'has made it when it was forced and can not be compared',
      forced,
      { production: CHALLENGER, now: 60_000, gate: failed },
      { phase: 'clearing', outcome: 'promoted' },
    ],
    [
      'gives way to somebody else while it is watched',
      { phase: 'watching' },
      { production: OTHER },
      { phase: 'clearing', outcome: 'overtaken' },
    ],
    [
      'goes back when nobody has taken it up by the end',
      { phase: 'watching' },
      { production: CHALLENGER, now: 240_000, watch: { ...emptyWatch, isTakenUp: false } },
      { phase: 'rolling-back' },
    ],
    [
      'gives way to somebody else while it is promoted and back again',
      { phase: 'promoting' },
      { move: moved(false) },
      { phase: 'clearing', outcome: 'overtaken' },
    ],
    [
      'waits until it is back whatever serves meanwhile',
      { phase: 'rolling-back' },
      { production: OTHER },
      { phase: 'rolling-back' },
    ],
    [
      'gives way to somebody else while it goes back',
      { phase: 'rolling-back' },
      { production: OTHER, move: moved(false) },
      { phase: 'clearing', outcome: 'overtaken' },
    ],
    ['waits until it is back', { phase: 'rolling-back' }, { production: CHALLENGER }, { phase: 'rolling-back' }],
    ['is back', { phase: 'rolling-back' }, { production: CHAMPION }, { phase: 'clearing', outcome: 'rolled-back' }],
    [
      'ends once nothing is a shadow',
      { phase: 'clearing', outcome: 'refused' },
      {},
      { endedAt: 1_000, outcome: 'refused' },
    ],
    [
      'waits until its shadow is gone',
      { phase: 'clearing', outcome: 'dropped' },
      { shadow: CHALLENGER },
      { endedAt: null },
    ],
    [
      'counts a shadow that is what serves as none',
      { phase: 'clearing', outcome: 'dropped' },
      { shadow: CHAMPION },
      { endedAt: 1_000 },
    ],
  ])('%s', (_, before, change, after) => {
    const given = rollout({ ...before, steps: [{ at: 0, step: 'training', because: 'test' }] });
    expect(advance(given, facts(change), limits)).toMatchObject(after);
  });

  it('changes nothing when nothing has changed, so that looking twice is looking once', () => {
    for (const phase of ['training', 'gating', 'promoting', 'rolling-back'] as const) {
      const given = rollout({ phase });
      const production = phase === 'rolling-back' ? CHALLENGER : CHAMPION;
      expect(advance(given, facts({ production }), limits)).toBe(given);
    }
    const ended = drop(rollout(), 5, 'test');
    expect(advance(ended, facts(), limits)).toBe(ended);
  });

  it('tells the whole story', () => {
    let told = rollout({ challenger: null });
    const story: Partial<RolloutFacts>[] = [
      { training: trained },
      { gate: gate(true) },
      { shadow: CHALLENGER },
      { shadow: CHALLENGER, shadowCounts: quietShadow },
      { shadow: CHALLENGER, production: CHALLENGER },
      { shadow: CHALLENGER, production: CHALLENGER, now: 100_000 },
      { shadow: CHALLENGER, production: CHALLENGER, now: 100_001 },
    ];
    for (const change of story) told = advance(told, facts(change), limits);
    const names = ['training', 'gating', 'shadowing', 'promoting', 'watching', 'clearing', 'promoted'];
    expect(told.steps.map(({ step }) => step)).toEqual(names);
    expect(told.endedAt).toBe(100_001);
  });

  /** A platform of pointers and jobs that does what the stored rollout asks for, as kenning would. */
  it.each(Array.from({ length: 50 }, (_, seed) => seed))('ends the same wherever it crashes (seed %d)', (seed) => {
    const random = new Random(seed);
    const isBad = seed % 2 === 1;
    const pointers = { production: CHAMPION as string, shadow: null as string | null };
    const moves: string[] = [];
    let stored = rollout({ challenger: null });
    let now = 0;
    const perform = ({ phase, challenger, champion }: Rollout): void => {
      if (phase === 'shadowing') pointers.shadow = challenger;
      if (phase === 'clearing') pointers.shadow = pointers.production;
      const to = phase === 'promoting' ? challenger : phase === 'rolling-back' ? champion : null;
      const from = phase === 'promoting' ? champion : challenger;
      if (to === null || pointers.production !== from) return;
      pointers.production = to;
      moves.push(to);
    };
    for (let look = 0; look < 500 && stored.endedAt === null; look++) {
      now += 5_000;
      const next = advance(
        stored,
        facts({
          now,
          ...pointers,
          training: trained,
          gate: gate(true),
          shadowCounts: quietShadow,
          watch: isBad ? breach : quietWatch,
        }),
        limits,
      );
      if (random.next() < 0.3) continue; // dies before it has stored what it found
      stored = next;
      if (random.next() < 0.3) continue; // dies before it has asked for anything
      perform(stored);
      if (random.next() < 0.3) perform(stored); // asks again after a restart
    }
    expect(stored.outcome).toBe(isBad ? 'rolled-back' : 'promoted');
    expect(moves).toEqual(isBad ? [CHALLENGER, CHAMPION] : [CHALLENGER]);
    expect(pointers).toEqual({ production: isBad ? CHAMPION : CHALLENGER, shadow: pointers.production });
  });
});

describe('failedInARow', () => {
  const ended = (outcome: Rollout['outcome'], reason: Rollout['reason'] = 'age') =>
    rollout({ outcome, reason, endedAt: 1 });
  it.each([
    ['nothing', [], 0],
    ['a promotion at last', [ended('refused'), ended('promoted')], 0],
    [
      'refused, dropped and taken back',
      [ended('promoted'), ended('refused'), ended('dropped'), ended('rolled-back')],
      3,
    ],
    ['what a person asked for', [ended('refused'), ended('refused', 'manual')], 1],
    ['what says nothing of releases', [ended('refused'), ended('failed'), ended('overtaken')], 1],
  ])('counts after %s', (_, rollouts, count) => {
    expect(failedInARow(rollouts)).toBe(count);
  });
});

describe('a person', () => {
  it('turns a watched release back', () => {
    expect(turnBack(rollout({ phase: 'watching' }), 5, 'ada: no')).toMatchObject({
      phase: 'rolling-back',
      phaseSince: 5,
    });
  });

  it('goes back to what served before', () => {
    const back = newRollback(
      { id: 'rollback-1', because: 'ada: no', requestedBy: 'ada', from: CHALLENGER, to: CHAMPION },
      0,
    );
    const done = advance(back, facts({ production: CHAMPION }), limits);
    expect(advance(done, facts(), limits)).toMatchObject({ outcome: 'rolled-back', endedAt: 1_000 });
  });
});
