import { compareStreamIds } from '@liminal/shared/adapters/stream-trim';
import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import { LANGUAGES, type Language } from '@liminal/shared/contracts/explanation';
import { type AnomalyFilter, matches } from '../anomalies/anomaly-filter.ts';
import { toItem } from '../anomalies/anomaly-json.ts';
import { sseEvent } from './sse.ts';

/** An anomaly with its stream id. */
export interface StreamedAnomaly {
  id: string;
  anomaly: AnomalyEntry;
}

/** What a client asked for. Clients with the same `key` want the same. */
export interface Subscription {
  key: string;
  filter: AnomalyFilter;
  lang: Language;
}

export interface EncodedEvents {
  bytes: Buffer;
  events: number;
}

const NOTHING: EncodedEvents = { bytes: Buffer.alloc(0), events: 0 };

export const subscriptionOf = (filter: AnomalyFilter, lang: Language): Subscription => {
  const asked = Object.entries(filter).filter(([, value]) => value !== undefined);
  return { key: JSON.stringify([lang, asked.toSorted()]), filter, lang };
};

/** Events of some anomalies, made once for all clients that want the same: they share the bytes. */
export class BatchEncoder {
  readonly #anomalies: readonly StreamedAnomaly[];
  readonly #texts = new Map<Language, string[]>(LANGUAGES.map((lang) => [lang, []]));
  readonly #whole = new Map<string, EncodedEvents>();

  constructor(anomalies: readonly StreamedAnomaly[]) {
    this.#anomalies = anomalies;
  }

  /** Those that pass, of all or, given `after`, of what comes after this id. */
  eventsFor(subscription: Subscription, after?: string): EncodedEvents {
    if (after !== undefined) return this.#encode(subscription, after);
    let whole = this.#whole.get(subscription.key);
    if (whole === undefined) {
      whole = this.#encode(subscription);
      this.#whole.set(subscription.key, whole);
    }
    return whole;
  }

  #encode({ filter, lang }: Subscription, after?: string): EncodedEvents {
    const texts = this.#anomalies.flatMap(({ id, anomaly }, index) => {
      const isNew = after === undefined || compareStreamIds(id, after) > 0;
      return isNew && matches(anomaly, filter) ? [this.#text(index, lang)] : [];
    });
    return texts.length === 0 ? NOTHING : { bytes: Buffer.from(texts.join('')), events: texts.length };
  }

  #text(index: number, lang: Language): string {
    const texts = this.#texts.get(lang)!;
    const { id, anomaly } = this.#anomalies[index]!;
    texts[index] ??= sseEvent('anomaly', id, toItem(anomaly, lang));
    return texts[index];
  }
}
