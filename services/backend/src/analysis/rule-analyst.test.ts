import type { Event } from '@liminal/shared/contracts/event';
import type { FeatureName } from '@liminal/shared/contracts/feature-vector';
import { seriesAnomalyId } from '@liminal/shared/contracts/series-anomaly';
import { describe, expect, test } from 'vitest';
import { recordOf } from '../../test/analysis-suite.ts';
import { evidenceOf, referencesOf } from './evidence.ts';
import { judgeByRules } from './rule-analyst.ts';
import { inventedReferences, verdictSchema } from './verdict.ts';

type TimedEvent = Event & { ts: number };
const QUIET: Partial<Record<FeatureName, number>> = {
  requests_per_user: 5,
  burstiness_score: 0.5,
  ip_entropy: 0,
  channel_activity: 0,
  predicted_user_load: 5,
  login_intervals: 4_000,
  jwt_usage_patterns: 0,
};
const request = (ts: number, ip: string, tokenId = 't'): TimedEvent => ({
  kind: 'request',
  ts,
  user: 'ada',
  ip,
  method: 'GET',
  route: '/',
  status: 200,
  durationMs: 1,
  tokenId,
});
const login = (ts: number, success: boolean): TimedEvent => ({ kind: 'login', ts, user: 'ada', ip: 'i', success });
const from = (...ips: string[]): TimedEvent[] => ips.map((ip, index) => request(index, ip));
const tries = (...outcomes: boolean[]): TimedEvent[] => outcomes.map((success, index) => login(index, success));

/** Without an explanation, as where too many anomalies came at once: the rules have to do with features and events. */
function judge(features: Partial<Record<FeatureName, number>>, events: TimedEvent[] = []) {
  const record = recordOf('ada', { features: { ...QUIET, ...features } });
  const evidence = evidenceOf({ entity: 'user', record, explanation: 'too-many-at-once' }, { history: [], events });
  const verdict = judgeByRules(evidence);
  expect(verdictSchema.safeParse(verdict).success).toBe(true);
  expect(inventedReferences(verdict, referencesOf(evidence))).toEqual([]);
  return [verdict.category, verdict.severity];
}

const SHARED = { ip_entropy: 0.95, jwt_usage_patterns: 0.95 };

describe('the rules call', () => {
  test.each<[string, string, Partial<Record<FeatureName, number>>, TimedEvent[], [string, string]]>([
    [
      'many failed sign-ins',
      'stuffing',
      { login_intervals: 8 },
      tries(false, false, false, false, false),
      ['credential-stuffing', 'high'],
    ],
    [
      'a try that worked',
      'worse',
      { login_intervals: 8 },
      tries(false, false, false, false, true),
      ['credential-stuffing', 'critical'],
    ],
    ['a forgotten password', 'nothing', { login_intervals: 8 }, tries(false, false, true), ['unknown', 'low']],
    [
      'requests faster than people read',
      'scraping',
      { requests_per_user: 150, burstiness_score: -0.5 },
      [],
      ['scraping', 'medium'],
    ],
    ['a flood of messages', 'spam', { channel_activity: 60 }, [], ['channel-spam', 'medium']],
    ['even gaps', 'a bot', { requests_per_user: 2, burstiness_score: -0.95 }, [], ['slow-bot', 'low']],
    [
      'one token with two clients in turns',
      'theft',
      SHARED,
      from('a', 'b', 'a', 'b', 'a', 'b'),
      ['stolen-token', 'critical'],
    ],
    ['one client after the other', 'a change', SHARED, from('a', 'a', 'a', 'b', 'b', 'b'), ['unknown', 'low']],
    [
      'many places in turns',
      'sharing',
      { ip_entropy: 2.3, jwt_usage_patterns: 1 },
      from('a', 'b', 'c', 'd', 'e', 'f', 'a'),
      ['shared-account', 'medium'],
    ],
    ['a shared token, without events', 'theft', SHARED, [], ['stolen-token', 'critical']],
  ])('%s %s', (_, _name, features, events, expected) => {
    expect(judge(features, events)).toEqual(expected);
  });

  test('what stands out harmless where nothing else fits', () => {
    const record = recordOf('ada', { features: { ...QUIET, requests_per_user: 25 } });
    const summaries = { en: '', ru: '' };
    const shap = {
      algorithm: 'enumeration' as const,
      quantity: 'minus_log10_p' as const,
      baseValue: 0,
      value: 3,
      shapValues: [2, 0, 0, 0, 1, 0, 0],
      standardErrors: null,
      gap: 0,
      backgroundRows: 1,
    };
    const usual = { low: 0, median: 4, high: 20 };
    const expectations = QUIET_NAMES.map(() => ({ user: usual, everyone: { ...usual, missingRate: 0 } }));
    const explanation = { shap, expectations, userVectors: 9, summaries };
    const evidence = evidenceOf({ entity: 'user', record, explanation }, { history: [], events: [] });
    expect(judgeByRules(evidence)).toMatchObject({
      category: 'busy-user',
      severity: 'none',
      evidence: [{ reference: 'requests_per_user' }, { reference: 'predicted_user_load' }],
    });
  });

  test.each([
    ['requests', 900, 'load-surge'],
    ['requests', 1, 'load-drop'],
    ['error_ratio', 0.5, 'degradation'],
  ] as const)('%s of the platform at %d a %s', (measure, value, category) => {
    const platform = { measure, scope: 'platform' as const, group: null };
    const expected = measure === 'requests' ? 100 : 0.01;
    const point = { minute: 100, value, expected, expectedLow: expected / 2, expectedHigh: expected * 2, score: 9 };
    const record = { ...platform, ...point, severity: 'critical' as const, recent: [], load: [], scoredAt: 5 };
    const evidence = evidenceOf({ entity: 'series', record }, { history: [], events: [] });
    expect(evidence.anomaly).toBe(seriesAnomalyId(measure, 100));
    const verdict = judgeByRules(evidence);
    expect(verdict.category).toBe(category);
    expect(inventedReferences(verdict, referencesOf(evidence))).toEqual([]);
  });
});

const QUIET_NAMES = Object.keys(QUIET);
