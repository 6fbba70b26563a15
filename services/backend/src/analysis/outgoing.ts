import { FEATURE_NAMES, type FeatureName } from '@liminal/shared/contracts/feature-vector';
import { type Evidence, type EvidenceEvent, referencesOf, type SeriesEvidence, type UserEvidence } from './evidence.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import { clientSort, publicMethod, publicRoute } from './public-words.ts';

/**
 * Evidence as it may leave: numbers, words of our own, and pseudonyms. No text that a user of the platform can choose is in
 * it, so that there is nothing in it to obey and nobody to recognise.
 */
export function outgoingEvidence(evidence: Evidence, pseudonyms: Pseudonyms): object {
  const references = [...referencesOf(evidence)];
  return evidence.entity === 'series'
    ? { references, anomaly: outgoingSeries(evidence, pseudonyms) }
    : { references, anomaly: outgoingUser(evidence, pseudonyms) };
}

function outgoingUser(evidence: UserEvidence, pseudonyms: Pseudonyms): object {
  const { ts, severity, pValue, isProvisional, loadHistory, scores, history, events } = evidence;
  return {
    of: pseudonyms.of('user', evidence.user),
    alarm: severity,
    pValue: brief(pValue),
    modelsKnowThisPlatform: !isProvisional,
    hourOfDayUtc: new Date(ts).getUTCHours(),
    features: Object.fromEntries(FEATURE_NAMES.map((name) => [name, outgoingFeature(evidence, name)])),
    requestsPerMinuteOfLastMinutes: loadHistory.map(briefOrNull),
    models: Object.fromEntries(Object.entries(scores).map(([model, of]) => [model, { pValue: brief(of.pValue) }])),
    earlierWithoutAlarm: history.map((features) => FEATURE_NAMES.map((name) => briefOrNull(features[name]))),
    events: events.map((event) => outgoingEvent(event, ts, pseudonyms)),
  };
}

function outgoingFeature({ features, shares, expected }: UserEvidence, name: FeatureName): object {
  const usual = expected?.[name];
  return {
    value: briefOrNull(features[name]),
    ...(shares && { shareOfAlarm: brief(shares[name]) }),
    ...(usual && {
      usualForUser: usual.user && [usual.user.low, usual.user.median, usual.user.high].map(brief),
      usualForEveryone: usual.everyone && [usual.everyone.low, usual.everyone.median, usual.everyone.high].map(brief),
    }),
  };
}

function outgoingEvent({ reference, event }: EvidenceEvent, anomalyTs: number, pseudonyms: Pseudonyms): object {
  const secondsBefore = brief((anomalyTs - event.ts) / 1000);
  const head = { reference, secondsBefore, kind: event.kind };
  if (event.kind === 'channel') {
    return { ...head, channel: pseudonyms.of('channel', event.channel), action: event.action };
  }
  const client = {
    ip: pseudonyms.of('ip', event.ip),
    ...(event.userAgent !== undefined && { agent: pseudonyms.of('agent', event.userAgent) }),
    client: clientSort(event.userAgent),
  };
  const { kind } = event;
  if (kind === 'login') return { ...head, ...client, success: event.success };
  if (kind === 'token')
    return { ...head, ...client, token: pseudonyms.of('token', event.tokenId), action: event.action };
  const token = event.tokenId === undefined ? {} : { token: pseudonyms.of('token', event.tokenId) };
  const { method, route, status } = event;
  return { ...head, ...client, ...token, method: publicMethod(method), route: publicRoute(route), status };
}

function outgoingSeries({ series }: SeriesEvidence, pseudonyms: Pseudonyms): object {
  const { measure, scope, group, value, expected, expectedLow, expectedHigh, severity, recent, load } = series;
  const named = scope === 'route' ? publicRoute : (name: string) => pseudonyms.of('channel', name);
  return {
    of: 'the platform',
    measure,
    part: group === null ? scope : `${scope} ${named(group)}`,
    alarm: severity,
    value: brief(value),
    expected: [expectedLow, expected, expectedHigh].map(briefOrNull),
    recent: recent.map((minute) => [minute.value, minute.expectedLow, minute.expectedHigh].map(briefOrNull)),
    load: load.map((minute) => briefOrNull(minute.value)),
  };
}

const brief = (value: number): number => Number(value.toPrecision(3));
const briefOrNull = (value: number | null): number | null => (value === null ? null : brief(value));
