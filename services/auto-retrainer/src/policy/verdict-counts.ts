import { readVerdicts, type VerdictLog } from '@liminal/shared/adapters/verdict-stream';
import { isConfirmed, VERDICTS, type Verdict } from '@liminal/shared/contracts/verdict';
import type { Redis } from 'ioredis';

/** Of the alarms of a release that somebody has judged. */
export type VerdictCounts = Record<Verdict['verdict'], number>;

/** Follows the verdicts on alarms of users, and remembers the last one of each. */
export class VerdictReader {
  readonly #redis: Redis;
  readonly #log: VerdictLog;
  readonly #last = new Map<string, { release: string; verdict: Verdict['verdict'] }>();
  #readUpTo: string | undefined;

  constructor(redis: Redis, log: VerdictLog) {
    this.#redis = redis;
    this.#log = log;
  }

  async countsOf(release: string): Promise<VerdictCounts> {
    for await (const { id, judged } of readVerdicts(this.#redis, this.#log, this.#readUpTo)) {
      this.#readUpTo = id;
      const { verdict, anomaly } = judged;
      // What was held back was no alarm, and says nothing about how many of them are right.
      if (anomaly.entity !== 'user' || anomaly.record.suppressed !== undefined) continue;
      this.#last.set(verdict.anomaly, { release: anomaly.record.release, verdict: verdict.verdict });
    }
    const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])) as VerdictCounts;
    for (const last of this.#last.values()) if (last.release === release) counts[last.verdict]++;
    return counts;
  }
}

/** What the precision of alarms is taken from. */
export function precisionCounts(counts: VerdictCounts): { confirmed: number; judged: number } {
  const decided = VERDICTS.filter((verdict) => isConfirmed({ verdict }) !== undefined);
  return {
    confirmed: counts.true_positive,
    judged: decided.reduce((sum, verdict) => sum + counts[verdict], 0),
  };
}
