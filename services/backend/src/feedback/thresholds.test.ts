import { describe, expect, it } from 'vitest';
import type { JudgedAlarm } from './judged-alarms.ts';
import { NO_RESETS, type ThresholdLimits, type ThresholdResets, thresholdsOf } from './thresholds.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = 100 * DAY_MS;
const limits: ThresholdLimits = { alertRate: 0.01, precisionFloor: 0.3, minVerdicts: 10 };

interface Said {
  user?: string;
  verdict?: JudgedAlarm['verdict'];
  /** Days before now that it happened, and was judged unless `judged` says otherwise. */
  ago?: number;
  judged?: number;
  pValue?: number;
  severity?: JudgedAlarm['severity'];
}
let number = 0;
const said = ({
  user = 'ada',
  verdict = 'false_positive',
  ago = 1,
  judged = ago,
  pValue = 0.004,
  severity = 'warning',
}: Said) =>
  ({
    anomaly: `a${number++}`,
    verdict,
    at: NOW - judged * DAY_MS,
    severity,
    vector: { user, ts: NOW - ago * DAY_MS, values: new Float32Array(7), pValue, modelPValues: {} },
  }) satisfies JudgedAlarm;
const of = (judged: readonly JudgedAlarm[], resets: ThresholdResets = NO_RESETS) =>
  thresholdsOf(judged, resets, NOW, limits);
const wrongOn = (...days: number[]): JudgedAlarm[] => days.map((ago) => said({ ago }));

describe('the rate of a user', () => {
  it.each<[string, JudgedAlarm[], number | undefined]>([
    ['without verdicts', [], undefined],
    ['wrong once', wrongOn(1), undefined],
    ['wrong on two days', wrongOn(1, 2), 1 / 2],
    ['wrong on three days', wrongOn(1, 2, 3), 1 / 4],
    ['wrong on four days', wrongOn(1, 2, 3, 4), 1 / 8],
    ['wrong on five days', wrongOn(1, 2, 3, 4, 5), 1 / 10],
    ['wrong on twenty days', wrongOn(...Array.from({ length: 20 }, (_, day) => day + 1)), 1 / 10],
    [
      'wrong twenty times in one hour',
      wrongOn(...Array.from({ length: 20 }, (_, index) => 1 + index / 1_000)),
      undefined,
    ],
    ['wrong twice, longer ago than is remembered', wrongOn(1, 30), undefined],
    ['wrong twice, and right since', [...wrongOn(3, 2), said({ verdict: 'true_positive', ago: 1 })], undefined],
    ['right, and wrong twice since', [said({ verdict: 'true_positive', ago: 4 }), ...wrongOn(3, 2)], 1 / 2],
    ['expected on three days', [1, 2, 3].map((ago) => said({ verdict: 'expected', ago })), undefined],
    ['unclear on three days', [1, 2, 3].map((ago) => said({ verdict: 'unclear', ago })), undefined],
    ['wrong twice about what was held back', [1, 2].map((ago) => said({ ago, severity: 'none' })), undefined],
    ['wrong once each about two users', [said({ ago: 1 }), said({ user: 'ben', ago: 2 })], undefined],
  ])('%s', (_, judged, factor) => {
    expect(of(judged).users.find(({ user }) => user === 'ada')?.factor).toBe(factor);
  });

  it('rises again when the first occasion is forgotten', () => {
    expect(of(wrongOn(10, 2)).users).toMatchObject([{ user: 'ada', falseEpisodes: 2, untilMs: NOW + 20 * DAY_MS }]);
  });

  it('is the operators again once that is reset, until it is wrong twice since', () => {
    const resets = { global: 0, users: { ada: NOW - 2.5 * DAY_MS } };
    expect(of(wrongOn(4, 3, 2), resets).users).toEqual([]);
    expect(of(wrongOn(4, 3, 2, 1), resets).users).toMatchObject([{ factor: 1 / 2 }]);
  });

  it('of most occasions comes first, whatever the order of the verdicts', () => {
    const judged = [...wrongOn(1, 2), ...[1, 2, 3].map((ago) => said({ user: 'zoe', ago }))];
    expect(of(judged).users.map(({ user }) => user)).toEqual(['zoe', 'ada']);
    expect(of(judged.toReversed())).toEqual(of(judged));
  });
});

/** Of so many different users, right and wrong, at a p-value. */
const crowd = (right: number, wrong: number, pValue: number, change: Said = {}): JudgedAlarm[] =>
  Array.from({ length: right + wrong }, (_, index) =>
    said({
      user: `${pValue} ${index}`,
      verdict: index < right ? 'true_positive' : 'false_positive',
      pValue,
      ...change,
    }),
  );

describe('the rate of everybody', () => {
  it.each<[string, JudgedAlarm[], number]>([
    ['without verdicts', [], 1],
    ['with too few of them', crowd(0, 9, 0.008), 1],
    ['with enough, all wrong, all weak', crowd(0, 10, 0.008), 1 / 2],
    ['with precision at the floor', crowd(3, 7, 0.008), 1],
    [
      'with precision below it, and enough strong ones that are right',
      [...crowd(0, 20, 0.008), ...crowd(5, 5, 0.004)],
      1 / 2,
    ],
    ['with strong ones wrong too, and the strongest right', [...crowd(0, 40, 0.004), ...crowd(8, 2, 0.001)], 1 / 4],
    ['with everything wrong', crowd(0, 50, 0.001), 1 / 4],
    ['with one user wrong a hundred times', wrongOn(...Array.from({ length: 100 }, (_, index) => index / 5)), 1],
    ['with everything wrong long ago', crowd(0, 50, 0.001, { ago: 31 }), 1],
    ['with everything expected', crowd(0, 50, 0.001, { verdict: 'expected' }), 1],
  ])('%s', (_, judged, factor) => {
    expect(of(judged).global.factor).toBe(factor);
  });

  it('is the operators again once that is reset', () => {
    expect(of(crowd(0, 50, 0.001), { global: NOW - DAY_MS / 2, users: {} }).global.factor).toBe(1);
  });

  it('says why', () => {
    expect(of(crowd(1, 49, 0.001)).global).toMatchObject({
      confirmed: 1,
      judged: 50,
      because: '1 of 50 judged users were confirmed at 0.25 of the alarm rate',
    });
  });
});
