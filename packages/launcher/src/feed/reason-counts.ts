/** Different reasons kept; a log can hold more kinds of garbage than anybody reads. */
const MAX_REASONS = 40;
const OTHER = 'other reasons';

/** Counts by reason, in bounded memory. */
export class ReasonCounts {
  readonly #counts = new Map<string, number>();

  add(reason: string, count = 1): void {
    const key = this.#counts.has(reason) || this.#counts.size < MAX_REASONS ? reason : OTHER;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }

  /** A copy, the most frequent reason first. */
  toMap(): Map<string, number> {
    return new Map([...this.#counts].sort(([, a], [, b]) => b - a));
  }
}
