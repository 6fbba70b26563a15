import { z } from 'zod';

const labels = z.record(z.string(), z.string());
const sample = z.tuple([z.number(), z.string()]).transform(([, value]) => Number(value));

const matrix = z.object({
  resultType: z.literal('matrix'),
  result: z.array(z.object({ metric: labels, values: z.array(sample) })),
});
const vector = z.object({
  resultType: z.literal('vector'),
  result: z.array(z.object({ metric: labels, value: sample })),
});
const scalar = z.object({ resultType: z.literal('scalar'), result: sample });
const queried = z.discriminatedUnion('resultType', [matrix, vector, scalar]);

const rule = z.object({ name: z.string(), health: z.string(), lastError: z.string().optional() });
const alert = z.object({ labels, state: z.enum(['pending', 'firing']), value: z.string() });
const target = z.object({ labels, health: z.string(), lastError: z.string() });

export type Alert = z.infer<typeof alert>;
export type Rule = z.infer<typeof rule>;

const STEP_SECONDS = 5;

/** A running Prometheus, by its API. */
export class Prometheus {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Every value of the answer, now. NaN is no value. Throws what is wrong with the query. */
  async valuesNow(query: string): Promise<number[]> {
    return values(queried.parse(await this.#get('query', { query })));
  }

  /** Every value of the answer over the time from `fromMs` on. */
  async valuesSince(query: string, fromMs: number): Promise<number[]> {
    // The last step is now: what a rule has recorded just before would lie behind it otherwise.
    const end = Date.now() / 1000;
    const start = end - STEP_SECONDS * Math.ceil((end - fromMs / 1000) / STEP_SECONDS);
    const range = { start: String(start), end: String(end), step: String(STEP_SECONDS) };
    return values(queried.parse(await this.#get('query_range', { query, ...range })));
  }

  async labelValues(label: string, selector: string): Promise<string[]> {
    return z.array(z.string()).parse(await this.#get(`label/${label}/values`, { 'match[]': selector }));
  }

  async rules(): Promise<Rule[]> {
    const groups = z.object({ groups: z.array(z.object({ rules: z.array(rule) })) });
    return groups.parse(await this.#get('rules', {})).groups.flatMap(({ rules }) => rules);
  }

  async alerts(): Promise<Alert[]> {
    return z.object({ alerts: z.array(alert) }).parse(await this.#get('alerts', {})).alerts;
  }

  async targets(): Promise<z.infer<typeof target>[]> {
    return z.object({ activeTargets: z.array(target) }).parse(await this.#get('targets', {})).activeTargets;
  }

  async #get(path: string, parameters: Record<string, string>): Promise<unknown> {
    const response = await fetch(`${this.#url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const answer = z
      .object({ status: z.string(), error: z.string().optional(), data: z.unknown() })
      .parse(await response.json());
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}: ${JSON.stringify(parameters)}`);
    return answer.data;
  }
}

function values(answer: z.infer<typeof queried>): number[] {
  if (answer.resultType === 'scalar') return [answer.result].filter((value) => !Number.isNaN(value));
  const all = answer.result.flatMap((series) => ('values' in series ? series.values : [series.value]));
  return all.filter((value) => !Number.isNaN(value));
}
