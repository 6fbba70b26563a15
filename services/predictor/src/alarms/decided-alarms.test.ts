import { type AlarmPolicy, NO_POLICY } from '@liminal/shared/contracts/alarm-policy';
import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import { MAX_SUPPRESSIONS } from '@liminal/shared/contracts/suppression';
import { describe, expect, it } from 'vitest';
import { DecidedAlarms, type ScoredForAlarm } from './decided-alarms.ts';

const RATE = 0.01;
const rule = (id: string, change: Partial<AlarmPolicy['rules'][number]> = {}): AlarmPolicy['rules'][number] => ({
  id: id.padEnd(12, '-'),
  user: 'ada',
  features: { requests_per_user: { min: 100, max: 200, missing: false } },
  timeOfDay: null,
  fromTs: null,
  untilTs: 2_000,
  ...change,
});
const vector = (change: Partial<ScoredForAlarm> = {}): ScoredForAlarm => ({
  user: 'ada',
  ts: 1_000,
  values: new Float32Array(FEATURE_COUNT).fill(150),
  pValue: 0.004,
  smallestPValue: 0.0001,
  ...change,
});
const decide = (policy: Partial<AlarmPolicy>, of: ScoredForAlarm, isProvisional = false) =>
  new DecidedAlarms({ ...NO_POLICY, ...policy }).decide(of, RATE, isProvisional);
const thresholds = (global: number, ada = 1) => ({
  thresholds: { global, users: [['ada', ada]] as [string, number][] },
});
const held = (severity: string, reason: string, id: string | null = null) => ({
  severity: 'none',
  suppressed: { severity, reason, rule: id },
});

describe('alarms', () => {
  it('are those of the rate while nothing is decided', () => {
    expect(decide({}, vector())).toEqual({ severity: 'warning' });
    expect(decide({}, vector({ pValue: 0.0005 }))).toEqual({ severity: 'critical' });
    expect(decide({}, vector({ pValue: 0.02 }))).toEqual({ severity: 'none' });
  });

  it('are held back by the first rule that is about them, and say by which and what they would have been', () => {
    const rules = [rule('other', { user: 'ben' }), rule('export'), rule('again')];
    expect(decide({ rules }, vector())).toEqual(held('warning', 'rule', 'export------'));
    expect(decide({ rules }, vector({ pValue: 0.0005 }))).toEqual(held('critical', 'rule', 'export------'));
    expect(decide({ rules }, vector({ values: new Float32Array(FEATURE_COUNT).fill(201) }))).toEqual({
      severity: 'warning',
    });
    expect(decide({ rules }, vector({ ts: 2_000 }))).toEqual({ severity: 'warning' });
    expect(decide({ rules }, vector({ pValue: 0.02 })).suppressed).toBeUndefined();
  });

  it('of everybody are held back by a rule for everybody', () => {
    const rules = [rule('all', { user: null })];
    expect(decide({ rules }, vector({ user: 'eve' }))).toEqual(held('warning', 'rule', 'all---------'));
  });

  it.each([
    ['of the user lowered', 1, 0.25, 0.004, held('warning', 'user-threshold')],
    ['of the user lowered, and the vector below it', 1, 0.5, 0.004, { severity: 'warning' }],
    ['of everybody lowered', 0.25, 1, 0.004, held('warning', 'global-threshold')],
    ['of both lowered, the user more', 0.5, 0.25, 0.004, held('warning', 'user-threshold')],
    ['lowered, so that what was critical is none', 1, 0.1, 0.0002, { severity: 'warning' }],
    ['lowered, and the vector critical still', 1, 0.5, 0.0002, { severity: 'critical' }],
  ] as const)('with the rate %s', (_, global, ada, pValue, expected) => {
    expect(decide(thresholds(global, ada), vector({ pValue }))).toEqual(expected);
  });

  it('are never out of reach of a lowered rate: the smallest p-value there is still alarms', () => {
    const coarse = { smallestPValue: 0.004 };
    expect(decide(thresholds(1, 0.1), vector({ ...coarse, pValue: 0.004 }))).toEqual({ severity: 'warning' });
    expect(decide(thresholds(1, 0.1), vector({ ...coarse, pValue: 0.008 }))).toEqual(held('warning', 'user-threshold'));
    // A release that can't reach the operator's rate does not alarm at a higher one.
    expect(decide(thresholds(1, 0.1), vector({ smallestPValue: 0.02, pValue: 0.02 }))).toEqual({ severity: 'none' });
  });

  it('of a provisional release are never critical', () => {
    expect(decide(thresholds(0.5), vector({ pValue: 0.0002 }), true)).toEqual({ severity: 'warning' });
  });

  it('cost nothing while there is none, and little with as many rules as there may be', () => {
    const rules = Array.from({ length: MAX_SUPPRESSIONS }, (_, index) =>
      rule(`r${index}`, { user: null, features: { jwt_usage_patterns: { max: 1, missing: false } } }),
    );
    const alarms = new DecidedAlarms({ ...NO_POLICY, rules });
    const microseconds = (of: ScoredForAlarm): number => {
      const startedAt = performance.now();
      for (let run = 0; run < 20_000; run++) alarms.decide(of, RATE, false);
      return (performance.now() - startedAt) / 20;
    };
    const [normal, anomalous] = [vector({ pValue: 0.5 }), vector()];
    microseconds(anomalous);
    // Far above what it takes (0.01 and 5 µs), for machines that are busy.
    expect(microseconds(normal)).toBeLessThan(10);
    expect(microseconds(anomalous)).toBeLessThan(200);
  });
});
