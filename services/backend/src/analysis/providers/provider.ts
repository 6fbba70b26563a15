import type { LanguageModel } from 'ai';
import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleAll, isBrokenCircuitError } from 'cockatiel';
import type { Budget, Spending } from '../budget/budget.ts';
import type { AnalysisMetrics } from '../metrics.ts';
import type { Prompt } from '../prompt.ts';
import { inventedReferences } from '../verdict.ts';
import type { Answer, Failure } from './answer.ts';
import { ask, CallFailedError, type Tokens } from './ask.ts';
import { openLanguageModel } from './language-model.ts';
import type { ProviderSettings } from './provider-settings.ts';

export interface CallSettings {
  timeoutMs: number;
  retries: number;
  maxOutputTokens: number;
  /** Failures in a row after which a provider is left alone, and for how long. */
  breakerFailures: number;
  breakerOpenMs: number;
}

export interface ProviderContext {
  budget: Budget;
  metrics: AnalysisMetrics;
  calls: CallSettings;
  log: { warn(fields: object, message: string): void };
}

/** Characters of JSON and prose that make a token at least: the reservation must not be too small. */
const CHARACTERS_PER_TOKEN = 2.5;

/** One provider behind its budget, time-out, retries and circuit breaker. Nothing it does throws but a signal to stop. */
export class Provider {
  readonly name: string;
  readonly model: string;
  readonly #settings: ProviderSettings;
  readonly #context: ProviderContext;
  readonly #breaker;
  #languageModel: Promise<LanguageModel> | undefined;

  constructor(settings: ProviderSettings, context: ProviderContext) {
    this.name = settings.name;
    this.model = settings.model;
    this.#settings = settings;
    this.#context = context;
    const { breakerFailures, breakerOpenMs } = context.calls;
    this.#breaker = circuitBreaker(handleAll, {
      halfOpenAfter: breakerOpenMs,
      breaker: new ConsecutiveBreaker(breakerFailures),
    });
    this.#breaker.onStateChange((state) => {
      context.metrics.circuitOpen.labels(this.name).set(state === CircuitState.Closed ? 0 : 1);
      context.log.warn({ provider: this.name, state: CircuitState[state] }, 'circuit of an LLM provider changed');
    });
  }

  /** Asks once; `references`: what evidence of a verdict may refer to. */
  async ask(prompt: Prompt, references: ReadonlySet<string>, signal: AbortSignal): Promise<Answer> {
    const startedAt = performance.now();
    const answer = await this.#ask(prompt, references, signal);
    const seconds = (performance.now() - startedAt) / 1000;
    const { calls, callDuration, cost } = this.#context.metrics;
    const result = answer.result === 'failed' ? answer.reason : answer.invented.length > 0 ? 'unreliable' : 'answered';
    calls.labels(this.name, result).inc();
    cost.labels(this.name).inc(answer.costUsd);
    const wasCalled = result !== 'circuit-open' && result !== 'over-budget';
    if (wasCalled) callDuration.labels(this.name).observe(seconds);
    return { ...answer, seconds };
  }

  async #ask(prompt: Prompt, references: ReadonlySet<string>, signal: AbortSignal): Promise<Answer> {
    const { budget, calls, log } = this.#context;
    const most = this.#most(prompt);
    const room = await budget.reserve(most);
    if ('exceeded' in room) return failed('over-budget', room.exceeded);
    let used: Spending = most;
    try {
      const model = await this.#open();
      const { verdict, tokens } = await this.#breaker.execute(() => ask(prompt, { ...calls, model, signal }));
      used = this.#spendingOf(tokens);
      this.#countTokens(tokens);
      const invented = inventedReferences(verdict, references);
      return { result: 'answered', verdict, invented, tokens, costUsd: used.usd, seconds: 0 };
    } catch (error) {
      if (isBrokenCircuitError(error)) {
        used = { tokens: 0, usd: 0 };
        return failed('circuit-open', 'failed too often in a row');
      }
      if (!(error instanceof CallFailedError)) throw error;
      used = this.#usedBy(error, most);
      if (error.tokens !== undefined) this.#countTokens(error.tokens);
      log.warn({ err: error, provider: this.name, reason: error.reason }, 'LLM provider gave no verdict');
      return failed(error.reason, error.message, used.usd);
    } finally {
      await budget.settle(room.reservation, used);
    }
  }

  #open(): Promise<LanguageModel> {
    this.#languageModel ??= openLanguageModel(this.#settings);
    return this.#languageModel;
  }

  /** What a call can cost at most. */
  #most({ instructions, prompt }: Prompt): Spending {
    const input = Math.ceil((instructions.length + prompt.length) / CHARACTERS_PER_TOKEN);
    return this.#spendingOf({ input, output: this.#context.calls.maxOutputTokens });
  }

  /** A call that was refused or never arrived cost nothing; of one that was given up it is not known, so it may have. */
  #usedBy({ reason, tokens }: CallFailedError, most: Spending): Spending {
    if (tokens !== undefined) return this.#spendingOf(tokens);
    return reason === 'timeout' || reason === 'garbage' ? most : { tokens: 0, usd: 0 };
  }

  #spendingOf({ input, output }: Tokens): Spending {
    const { usdPerMillionInputTokens, usdPerMillionOutputTokens } = this.#settings;
    const usd = (input * usdPerMillionInputTokens + output * usdPerMillionOutputTokens) / 1e6;
    return { tokens: input + output, usd };
  }

  #countTokens({ input, output }: Tokens): void {
    const { tokens } = this.#context.metrics;
    tokens.labels(this.name, 'input').inc(input);
    tokens.labels(this.name, 'output').inc(output);
  }
}

const failed = (reason: Failure, detail: string, costUsd = 0): Answer => ({
  result: 'failed',
  reason,
  detail,
  costUsd,
  seconds: 0,
});
