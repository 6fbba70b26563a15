import { createHash } from 'node:crypto';
import type { Evidence, UserEvidence } from './evidence.ts';
import { PROMPT_VERSION } from './prompt.ts';
import { withoutPseudonyms } from './pseudonyms.ts';
import { judgeByRules } from './rule-analyst.ts';
import type { Verdict } from './verdict.ts';

/**
 * The pattern of an anomaly without who, where and when: two with one signature look alike to an analyst. Features count
 * in steps of a half octave, events by how many there are of each kind, clients by how many show up.
 */
export function signatureOf(evidence: Evidence): string {
  const { category, severity } = judgeByRules(evidence);
  const pattern = evidence.entity === 'user' ? userPattern(evidence) : seriesPattern(evidence);
  return createHash('sha256')
    .update(JSON.stringify([PROMPT_VERSION, evidence.entity, category, severity, pattern]))
    .digest('base64url')
    .slice(0, 24);
}

function userPattern({ severity, isProvisional, features, shares, events }: UserEvidence): unknown[] {
  const strongest = Object.entries(shares ?? {})
    .sort(([, left], [, right]) => right - left)
    .slice(0, 2)
    .map(([name]) => name);
  const requests = events.flatMap(({ event }) => (event.kind === 'request' ? [event] : []));
  const addresses = new Set(events.flatMap(({ event }) => (event.kind === 'channel' ? [] : [event.ip])));
  const tokens = new Set(requests.map(({ tokenId }) => tokenId));
  const failures = events.filter(({ event }) => event.kind === 'login' && !event.success).length;
  const counts = [requests.length, events.length - requests.length, failures];
  const isIn = [addresses.size, tokens.size].map((count) => Math.min(count, 8));
  return [severity, isProvisional, Object.values(features).map(step), strongest, counts.map(step), isIn];
}

function seriesPattern({ series }: Extract<Evidence, { entity: 'series' }>): unknown[] {
  const { measure, scope, value, expected, severity } = series;
  return [measure, scope, severity, step(value), step(expected)];
}

const step = (value: number | null): number | null =>
  value === null ? null : Math.sign(value) * Math.round(2 * Math.log2(1 + Math.abs(value) * 4));

/**
 * A verdict as far as it holds for every anomaly of its signature: without pseudonyms, and without references to events,
 * which the others do not have. Undefined where nothing supports it then.
 */
export function transferableVerdict(verdict: Verdict): Verdict | undefined {
  const evidence = verdict.evidence
    .filter(({ reference }) => !reference.startsWith('event-'))
    .map(({ reference, note }) => ({ reference, note: withoutEvents(note) }));
  if (evidence.length === 0) return undefined;
  return {
    ...verdict,
    hypothesis: withoutEvents(verdict.hypothesis),
    evidence,
    nextSteps: verdict.nextSteps.map(withoutEvents),
  };
}

const withoutEvents = (text: string): string => withoutPseudonyms(text).replace(/\bevent-\d+\b/g, 'an event');
