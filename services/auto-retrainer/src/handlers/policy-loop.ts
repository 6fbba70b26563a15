import { requestTraining, type TrainingQueue } from '@liminal/shared/adapters/training-queue';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics.ts';
import { type Decision, decide, type Limits, type Situation } from '../policy/policy.ts';

export interface PolicyLoopOptions {
  observe(): Promise<Situation>;
  queue: TrainingQueue;
  limits: Limits;
  everyMs: number;
  metrics: Metrics;
  logger: Logger;
  now(): number;
}

/** What the last look at the rules found. */
export interface Look {
  at: number;
  situation: Situation;
  decision: Decision;
}

/** Two replicas that decide in the same span ask for the same job, which the queue then takes once. */
const SAME_REQUEST_MS = 60_000;

/** Looks at the rules again and again: observe → decide → ask for a training. */
export class PolicyLoop {
  readonly #options: PolicyLoopOptions;
  #last: Look | undefined;
  #error: Error | undefined = new Error('has not looked yet');
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: PolicyLoopOptions) {
    this.#options = options;
  }

  get last(): Look | undefined {
    return this.#last;
  }

  start(): void {
    this.#looking = this.#look().finally(() => {
      if (!this.#isStopped) this.#timer = setTimeout(() => this.start(), this.#options.everyMs);
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  /** Throws why the rules can't be looked at. */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  async #look(): Promise<void> {
    const { observe, limits, metrics, logger, now } = this.#options;
    try {
      const situation = await observe();
      const decision = decide(situation, limits);
      metrics.trainingRows.set(situation.rows);
      metrics.trainingUsers.set(situation.users);
      metrics.decisions.labels(decision.reason).inc();
      if (decision.reason !== this.#last?.decision.reason) logger.info({ ...decision }, 'decision changed');
      if (decision.action === 'train') await this.#train(decision);
      this.#last = { at: now(), situation, decision };
      this.#error = undefined;
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      if (failure.message !== this.#error?.message) logger.warn({ err: failure }, 'could not look at the rules');
      this.#error = failure;
    }
  }

  async #train({ reason, because }: Extract<Decision, { action: 'train' }>): Promise<void> {
    const { queue, metrics, logger, now } = this.#options;
    const jobId = `${reason}-${Math.floor(now() / SAME_REQUEST_MS)}`;
    await requestTraining(queue, { reason, requestedBy: 'auto-retrainer', promote: true }, jobId);
    metrics.requests.labels(reason).inc();
    logger.info({ job: jobId, reason, because }, 'asked for a training');
  }
}
