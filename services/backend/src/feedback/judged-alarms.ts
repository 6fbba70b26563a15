import { readVerdicts, type VerdictLog } from '@liminal/shared/adapters/verdict-stream';
import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import type { ModelName, Severity } from '@liminal/shared/contracts/prediction';
import type { JudgedAnomaly, Verdict } from '@liminal/shared/contracts/verdict';
import type { Redis } from 'ioredis';

/** Older verdicts change nothing any more. */
const MEMORY_MS = 90 * 86_400_000;

/** An anomaly and what was said of it last. */
export interface JudgedAlarm {
  anomaly: string;
  verdict: Verdict['verdict'];
  /** When it was judged, ms since the epoch. */
  at: number;
  /** `none` where it was held back: no alarm, but judged all the same. */
  severity: Severity;
  /** Undefined for anomalies of series of the platform. */
  vector: JudgedVector | undefined;
}

export interface JudgedVector {
  user: string;
  ts: number;
  /** The features in their order, NaN = not observed. */
  values: Float32Array;
  pValue: number;
  modelPValues: Partial<Record<ModelName, number>>;
}

export function toJudgedAlarm({ verdict, anomaly }: JudgedAnomaly): JudgedAlarm {
  const { severity } = anomaly.record;
  const said = { anomaly: verdict.anomaly, verdict: verdict.verdict, at: verdict.at, severity };
  if (anomaly.entity === 'series') return { ...said, vector: undefined };
  const { user, ts, values, pValue, scores } = anomaly.record;
  const modelPValues = Object.fromEntries(Object.entries(scores).map(([model, score]) => [model, score.pValue]));
  return { ...said, vector: { user, ts, values: values.slice(0, FEATURE_COUNT), pValue, modelPValues } };
}

/** Follows the stream of verdicts and remembers the last one on each anomaly, as long as it may change something. */
export class JudgedAlarms {
  readonly #redis: Redis;
  readonly #log: VerdictLog;
  readonly #last = new Map<string, JudgedAlarm>();
  #readUpTo: string | undefined;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(redis: Redis, log: VerdictLog) {
    this.#redis = redis;
    this.#log = log;
  }

  /** All that is known at `now`, in the order in which it was judged. */
  async read(now: number): Promise<JudgedAlarm[]> {
    const reading = this.#reading.then(() => this.#readOn(now));
    // One after the other, and one that fails must not fail the next.
    this.#reading = reading.catch(() => {});
    await reading;
    return [...this.#last.values()];
  }

  async #readOn(now: number): Promise<void> {
    const oldest = now - MEMORY_MS;
    this.#readUpTo ??= `${Math.max(oldest, 0)}-0`;
    for await (const { id, judged } of readVerdicts(this.#redis, this.#log, this.#readUpTo)) {
      this.#readUpTo = id;
      const { anomaly } = judged.verdict;
      this.#last.delete(anomaly);
      this.#last.set(anomaly, toJudgedAlarm(judged));
    }
    for (const [anomaly, { at }] of this.#last) {
      if (at >= oldest) break;
      this.#last.delete(anomaly);
    }
  }
}
