import { randomBytes } from 'node:crypto';
import { analysisAnswersKey, analysisKey, llmVerdictKey, pseudonymKeyKey } from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';
import { type Analysis, analysisSchema } from './analysis.ts';
import type { AnswerStore } from './analyst.ts';
import type { Answer } from './providers/answer.ts';
import { type Verdict, verdictSchema } from './verdict.ts';

/** A job that was cut short is taken up again long before. */
const OWN_ANSWERS_SECONDS = 3_600;
const DAY_MS = 86_400_000;
/** Longer than a day and the longest job. */
const PSEUDONYM_KEY_SECONDS = (2 * DAY_MS) / 1000;
const KEY_BYTES = 32;

export interface AnalysisStoreOptions {
  redis: Redis;
  keepSeconds: number;
  cacheSeconds: number;
}

/** What analyses leave in Redis. */
export class AnalysisStore implements AnswerStore {
  readonly #redis: Redis;
  readonly #keepSeconds: number;
  readonly #cacheSeconds: number;

  constructor({ redis, keepSeconds, cacheSeconds }: AnalysisStoreOptions) {
    this.#redis = redis;
    this.#keepSeconds = keepSeconds;
    this.#cacheSeconds = cacheSeconds;
  }

  async analysis(anomaly: string): Promise<Analysis | undefined> {
    const text = await this.#redis.get(analysisKey(anomaly));
    if (text === null) return undefined;
    // Of another version: it can be made again.
    return analysisSchema.safeParse(JSON.parse(text)).data;
  }

  async keepAnalysis(analysis: Analysis): Promise<void> {
    const { anomaly } = analysis;
    await this.#redis
      .multi()
      .set(analysisKey(anomaly), JSON.stringify(analysis), 'EX', this.#keepSeconds)
      .del(analysisAnswersKey(anomaly))
      .exec();
  }

  async forgetAnalysis(anomaly: string): Promise<void> {
    await this.#redis.del(analysisKey(anomaly), analysisAnswersKey(anomaly));
  }

  async ownAnswer(anomaly: string, provider: string): Promise<Answer | undefined> {
    const text = await this.#redis.hget(analysisAnswersKey(anomaly), provider);
    return text === null ? undefined : (JSON.parse(text) as Answer);
  }

  async keepOwnAnswer(anomaly: string, provider: string, answer: Answer): Promise<void> {
    const key = analysisAnswersKey(anomaly);
    await this.#redis.multi().hset(key, provider, JSON.stringify(answer)).expire(key, OWN_ANSWERS_SECONDS).exec();
  }

  async verdictOfSignature(provider: string, signature: string): Promise<Verdict | undefined> {
    if (this.#cacheSeconds === 0) return undefined;
    const text = await this.#redis.get(llmVerdictKey(provider, signature));
    return text === null ? undefined : verdictSchema.safeParse(JSON.parse(text)).data;
  }

  async keepVerdictOfSignature(provider: string, signature: string, verdict: Verdict): Promise<void> {
    if (this.#cacheSeconds === 0) return;
    await this.#redis.set(llmVerdictKey(provider, signature), JSON.stringify(verdict), 'EX', this.#cacheSeconds);
  }

  /** Key of the pseudonyms of a day, the same for all replicas. It is in Redis only, and gone after two days. */
  async pseudonymKey(now: number): Promise<Uint8Array> {
    const key = pseudonymKeyKey(Math.floor(now / DAY_MS));
    await this.#redis.set(key, randomBytes(KEY_BYTES), 'EX', PSEUDONYM_KEY_SECONDS, 'NX');
    const bytes = await this.#redis.getBuffer(key);
    if (bytes === null) throw new Error('the key of the pseudonyms is gone right after it was written');
    return bytes;
  }
}
