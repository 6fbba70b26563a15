import { VERDICTS } from '@liminal/shared/contracts/verdict';
import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, test } from 'vitest';
import { explanation, seriesRecord, userRecord } from '../../test/anomaly-records.ts';
import { added, type DecayedSum, valueAt } from './decayed-sum.ts';
import { evidenceOf, HALF_LIFE_MS, rankOf, rankOfRisk, riskAt, usualEvidence } from './evidence.ts';
import { type Group, groupsOf, signatureOf } from './groups.ts';
import {
  belongsTo,
  type Contribution,
  type Incident,
  isShown,
  joined,
  judged,
  LONGEST_MS,
  openIncident,
  standingEvidence,
  stateOf,
  WINDOW_MS,
} from './incident.ts';
import { foldIntoGroup, type GroupBefore } from './incident-fold.ts';

const SEED = 20_261_126;
const ROUNDS = 200;
const T0 = Date.UTC(2026, 10, 23, 10);
const USER: Group = { kind: 'user', key: 'ada' };
const SCENARIO: Group = { kind: 'scenario', key: 'ip_entropy:high' };

const random = new Random(SEED);
let made = 0;
const contribution = (fields: Partial<Contribution> = {}): Contribution => ({
  anomaly: `anomaly-${made++}`,
  user: 'ada',
  ts: T0 + random.int(WINDOW_MS),
  severity: 'warning',
  evidence: 0.5 + 3 * random.next(),
  ...fields,
});

const incidentOf = ([first, ...rest]: Contribution[], group = USER): Incident =>
  rest.reduce((incident, one) => joined(incident, one), openIncident(group, first!));

const some = (count = 2 + random.int(8)): Contribution[] => Array.from({ length: count }, () => contribution());
const later = (): number => T0 + WINDOW_MS + random.int(6 * HALF_LIFE_MS);
const risk = (incident: Incident, now: number): number => riskAt(standingEvidence(incident), now);

describe('evidence of an anomaly', () => {
  test('counts decades of the p-value, and never less than nothing', () => {
    expect([0.1, 0.01, 0.001, 1e-5].map(evidenceOf)).toEqual([0, 1, 2, 4].map((value) => expect.closeTo(value, 12)));
    expect(evidenceOf(0.9)).toBe(0);
  });
});

describe(`the risk of an incident (seed ${SEED})`, () => {
  test('rises with every anomaly that has evidence, whenever it is asked for', () => {
    for (let round = 0; round < ROUNDS; round++) {
      const before = incidentOf(some());
      const now = later();
      expect(risk(joined(before, contribution()), now)).toBeGreaterThan(risk(before, now));
    }
  });

  test('rises with the evidence of an anomaly, all else being the same', () => {
    for (let round = 0; round < ROUNDS; round++) {
      const [before, one, now] = [incidentOf(some()), contribution(), later()];
      const more = { ...one, evidence: one.evidence + 0.1 + random.next() };
      expect(risk(joined(before, more), now)).toBeGreaterThan(risk(joined(before, one), now));
    }
  });

  test('of its evidence half is left after a half-life', () => {
    for (let round = 0; round < ROUNDS; round++) {
      const standing = standingEvidence(incidentOf(some()));
      const now = later();
      const [here, then] = [now, now + HALF_LIFE_MS].map((at) => valueAt(standing, at, HALF_LIFE_MS));
      expect(then! / here!).toBeCloseTo(0.5, 10);
      expect(riskAt(standing, now + 1_000)).toBeLessThan(riskAt(standing, now));
    }
  });

  test('does not depend on the order in which the anomalies came', () => {
    for (let round = 0; round < ROUNDS; round++) {
      const all = some();
      const now = later();
      const backwards = incidentOf([all[0]!, ...all.slice(1).reverse()]);
      expect(risk(backwards, now)).toBeCloseTo(risk(incidentOf(all), now), 8);
    }
  });

  test('lies between 0 and 100', () => {
    for (const evidence of [0, 0.01, 1, 10, 100, 1e6]) {
      const value = riskAt({ amount: evidence, at: T0 }, T0);
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(100);
    }
    expect(riskAt({ amount: 10, at: T0 }, T0)).toBeCloseTo(50, 12);
  });

  test.each(['false_positive', 'expected'] as const)(
    '%s on one of its anomalies lowers it, on all makes it 0',
    (verdict) => {
      for (let round = 0; round < ROUNDS; round++) {
        const all = some();
        const now = later();
        let incident = incidentOf(all);
        for (const [index, one] of all.entries()) {
          const before = risk(incident, now);
          incident = judged(incident, one, verdict);
          expect(risk(incident, now)).toBeLessThan(before);
          if (index < all.length - 1) expect(stateOf(incident)).toBe('open');
        }
        expect(risk(incident, now)).toBe(0);
        expect(stateOf(incident)).toBe('dismissed');
        // What is dismissed does not keep what comes from counting.
        expect(risk(joined(incident, contribution()), now)).toBeGreaterThan(0);
      }
    },
  );

  test.each(['true_positive', 'unclear'] as const)('%s keeps it, also in place of another verdict', (verdict) => {
    for (let round = 0; round < ROUNDS; round++) {
      const all = some();
      const now = later();
      const incident = incidentOf(all);
      const wrong = judged(incident, all[0]!, 'false_positive');
      for (const after of [judged(incident, all[0]!, verdict), judged(wrong, all[0]!, verdict)]) {
        expect(risk(after, now)).toBe(risk(incident, now));
        expect(stateOf(after)).toBe(verdict === 'true_positive' ? 'confirmed' : 'open');
      }
    }
  });

  test('orders incidents by their rank at any time', () => {
    for (let round = 0; round < ROUNDS; round++) {
      const [left, right] = [some(), some()].map((all) => standingEvidence(incidentOf(all)));
      const now = later();
      const byRank = rankOf(left!) - rankOf(right!);
      const byRisk = riskAt(left!, now) - riskAt(right!, now);
      expect(Math.sign(byRank)).toBe(Math.sign(byRisk));
    }
    expect(rankOf({ amount: 0, at: T0 })).toBe(0);
  });

  test('has a rank of its own for each least risk', () => {
    for (let round = 0; round < ROUNDS; round++) {
      const standing = standingEvidence(incidentOf(some()));
      const now = later();
      const exactly = riskAt(standing, now);
      expect(rankOf(standing)).toBeGreaterThan(rankOfRisk(exactly * 0.99, now));
      expect(rankOf(standing)).toBeLessThan(rankOfRisk(Math.min(99.999, exactly * 1.01), now));
    }
  });

  test('counts each judged anomaly by its last verdict, however often it was judged', () => {
    for (let round = 0; round < ROUNDS; round++) {
      const all = some(4);
      let incident = incidentOf(all);
      const last = new Map<string, (typeof VERDICTS)[number]>();
      for (let step = 0; step < 12; step++) {
        const one = all[random.int(all.length)]!;
        const verdict = VERDICTS[random.int(VERDICTS.length)]!;
        incident = judged(incident, one, verdict);
        last.set(one.anomaly, verdict);
      }
      const counting = all.filter(({ anomaly }) => !/false|expected/.test(last.get(anomaly) ?? ''));
      const wanted = counting.length === 0 ? 0 : risk(incidentOf(counting), later0);
      expect(risk(incident, later0)).toBeCloseTo(wanted, 8);
    }
  });
});
const later0 = T0 + WINDOW_MS + HALF_LIFE_MS;

describe('what belongs together', () => {
  test('is within the window of the first or the last, up to a day in all', () => {
    const incident = incidentOf([contribution({ ts: T0 }), contribution({ ts: T0 + 1_000 })]);
    const at = (ts: number) => belongsTo(incident, contribution({ ts }));
    expect([T0 - WINDOW_MS, T0 + 500, T0 + 1_000 + WINDOW_MS].map(at)).toEqual([true, true, true]);
    expect([T0 - WINDOW_MS - 1, T0 + 1_001 + WINDOW_MS].map(at)).toEqual([false, false]);
    const long = { ...incident, lastTs: T0 + LONGEST_MS };
    expect(belongsTo(long, contribution({ ts: T0 + LONGEST_MS }))).toBe(true);
    expect(belongsTo(long, contribution({ ts: T0 + LONGEST_MS + 1 }))).toBe(false);
  });

  test('is shown by IP from two users on, by scenario from three', () => {
    const of = (kind: Group['kind'], users: string[]) =>
      isShown(
        incidentOf(
          users.map((user) => contribution({ user })),
          { kind, key: 'x' },
        ),
      );
    expect([of('user', ['a']), of('ip', ['a', 'a']), of('ip', ['a', 'b'])]).toEqual([true, false, true]);
    expect([of('scenario', ['a', 'b']), of('scenario', ['a', 'b', 'c'])]).toEqual([false, true]);
  });

  test('names no more than 200 users, and says so', () => {
    const users = Array.from({ length: 201 }, (_, index) => contribution({ user: `u${index}` }));
    expect(incidentOf(users.slice(0, 200))).toMatchObject({ users: { length: 200 }, hasMoreUsers: false });
    expect(incidentOf([...users, users[0]!])).toMatchObject({
      users: { length: 200 },
      hasMoreUsers: true,
      anomalies: 202,
    });
  });
});

describe('a fold of anomalies', () => {
  function fold(group: Group, all: readonly Contribution[], since = T0) {
    const incidents = new Map<string, Incident>();
    let before: GroupBefore | undefined;
    for (const one of all) {
      const { state, incident } = foldIntoGroup(group, before, one, since);
      incidents.set(incident.id, incident);
      before = { state, incident: incidents.get(state.incident) };
    }
    return [...incidents.values()];
  }

  test('makes the same incidents of the same anomalies, whatever was begun anew in between', () => {
    const all = Array.from({ length: 300 }, () => contribution({ ts: T0 + random.int(12 * WINDOW_MS) }));
    all.sort((left, right) => left.ts - right.ts);
    const wanted = fold(USER, all);
    expect(wanted.length).toBeGreaterThan(0);
    expect(JSON.parse(JSON.stringify(fold(USER, all)))).toEqual(JSON.parse(JSON.stringify(wanted)));
    expect(wanted.reduce((sum, { anomalies }) => sum + anomalies, 0)).toBe(all.length);
  });

  test('begins a new incident after a pause, and puts what comes late beside the newest', () => {
    const [first, second, late, third] = [T0, T0 + 3 * WINDOW_MS, T0 - 5 * WINDOW_MS, T0 + 3 * WINDOW_MS + 1].map(
      (ts) => contribution({ ts }),
    );
    const incidents = fold(USER, [first!, second!, late!, third!]);
    expect(incidents.map(({ anomalies, firstTs }) => [anomalies, firstTs])).toEqual([
      [1, first!.ts],
      [2, second!.ts],
      [1, late!.ts],
    ]);
  });

  test('of a scenario counts only what is above the usual; more is more all the same', () => {
    const everyFive = Array.from({ length: 4_000 }, (_, index) =>
      contribution({ ts: T0 + index * 5 * 60_000, evidence: 1, user: `u${index % 50}` }),
    );
    const usual = fold(SCENARIO, everyFive).at(-1)!;
    // A steady rate r holds r × half-life / ln 2 of evidence: 17.3 at one in five minutes.
    expect(usual.usual).toBeCloseTo(HALF_LIFE_MS / Math.LN2 / (5 * 60_000), 0);
    expect(risk(usual, usual.lastTs)).toBeLessThan(15);
    const burst = Array.from({ length: 30 }, (_, index) =>
      contribution({ ts: everyFive.at(-1)!.ts + index * 10_000, evidence: 2, user: `u${index}` }),
    );
    let last = risk(usual, burst.at(-1)!.ts);
    for (let count = 1; count <= burst.length; count += 5) {
      const after = fold(SCENARIO, [...everyFive, ...burst.slice(0, count)]).at(-1)!;
      expect(risk(after, burst.at(-1)!.ts)).toBeGreaterThan(last);
      last = risk(after, burst.at(-1)!.ts);
    }
    expect(last).toBeGreaterThan(95);
    // One user is never usual.
    expect(risk(fold(USER, everyFive).at(-1)!, everyFive.at(-1)!.ts)).toBeGreaterThan(60);
  });

  test('calls little usual while there is little to tell by', () => {
    const longRun: DecayedSum = added(undefined, 10, T0, HALF_LIFE_MS);
    expect(usualEvidence(longRun, T0, T0)).toBeLessThan(3);
    expect(usualEvidence(undefined, T0, T0)).toBe(0);
  });
});

describe('groups of an anomaly', () => {
  const of = (fields: Parameters<typeof userRecord>[0], shares: number[]) =>
    ({ entity: 'user', record: userRecord(fields), explanation: explanation(shares) }) as const;

  test('are its user, its IP and what the scenario looks like', () => {
    expect(groupsOf(of({ ip: '192.0.2.1' }, [0, 0, 3]))).toEqual([
      { kind: 'user', key: 'ada' },
      { kind: 'ip', key: '192.0.2.1' },
      { kind: 'scenario', key: 'ip_entropy:high' },
    ]);
    expect(groupsOf({ ...of({}, []), explanation: 'too-many-at-once' })).toEqual([{ kind: 'user', key: 'ada' }]);
    expect(groupsOf({ entity: 'series', record: seriesRecord() })).toEqual([]);
  });

  test('know a scenario by one or two dominant features and their side', () => {
    // Values are 1.5 where everybody has 1; the last is missing.
    expect(signatureOf(of({}, [1, 0, 3, 0, 0, 0, 0.5]))).toBe('ip_entropy:high');
    expect(signatureOf(of({}, [1, 0, 3, 0, 0, 0, 2]))).toBe('ip_entropy:high jwt_usage_patterns:missing');
    expect(signatureOf(of({ values: userRecord().values.fill(0.5, 0, 1) }, [2, -5]))).toBe('requests_per_user:low');
    expect(signatureOf(of({}, [-1]))).toBeUndefined();
  });
});
