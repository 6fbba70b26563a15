import type { Event } from '@liminal/shared/contracts/event';
import type { FeatureName } from '@liminal/shared/contracts/feature-vector';
import type { ResolvedReference } from './analysis.ts';
import type { Evidence } from './evidence.ts';

/** What references stand for, with real names: for people inside. References that nothing bears are left out. */
export function resolveReferences(evidence: Evidence, references: Iterable<string>): ResolvedReference[] {
  return [...new Set(references)].flatMap((reference) => {
    const resolved = evidence.entity === 'user' ? ofUser(evidence, reference) : ofSeries(evidence, reference);
    return resolved === undefined ? [] : [resolved];
  });
}

function ofUser(evidence: Extract<Evidence, { entity: 'user' }>, reference: string): ResolvedReference | undefined {
  const { features } = evidence;
  if (Object.hasOwn(features, reference)) {
    const value = features[reference as FeatureName];
    return { reference, kind: 'feature', id: null, ts: null, detail: value === null ? 'not observed' : String(value) };
  }
  const event = evidence.events.find((one) => one.reference === reference)?.event;
  return event && { reference, kind: event.kind, id: event.id ?? null, ts: event.ts, detail: detailOf(event) };
}

function ofSeries(
  { series }: Extract<Evidence, { entity: 'series' }>,
  reference: string,
): ResolvedReference | undefined {
  const { measure, ts, value } = series;
  const details: Record<string, string> = {
    [measure]: String(value),
    recent: `${series.recent.length} minutes of ${series.series}`,
    load: `${series.load.length} minutes of requests`,
  };
  const detail = Object.hasOwn(details, reference) ? details[reference] : undefined;
  return detail === undefined ? undefined : { reference, kind: 'measure', id: null, ts, detail };
}

function detailOf(event: Event): string {
  switch (event.kind) {
    case 'request':
      return `${event.method} ${event.route} → ${event.status} from ${event.ip}`;
    case 'login':
      return `${event.success ? 'successful' : 'failed'} from ${event.ip}`;
    case 'token':
      return `${event.action} ${event.tokenId} from ${event.ip}`;
    case 'channel':
      return `${event.action} ${event.channel}`;
  }
}
