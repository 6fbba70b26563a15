import { LuaScript } from '@liminal/shared/adapters/lua-script';
import { llmSpentKey } from '@liminal/shared/contracts/keys';
import type { Redis } from 'ioredis';

const reserveScript = new LuaScript(new URL('./reserve.lua', import.meta.url));
const settleScript = new LuaScript(new URL('./settle.lua', import.meta.url));

export const BUDGET_WINDOWS = ['hour', 'day'] as const;
export type BudgetWindow = (typeof BUDGET_WINDOWS)[number];
const WINDOW_MS: Record<BudgetWindow, number> = { hour: 3_600_000, day: 86_400_000 };

export interface Spending {
  tokens: number;
  usd: number;
}

export type BudgetLimits = Record<BudgetWindow, Spending>;

/** Room for one call, until it is settled. */
export interface Reservation extends Spending {
  keys: string[];
}

const toMicroUsd = (usd: number): number => Math.ceil(usd * 1e6);

/**
 * What all replicas together may spend in an hour and in a day, as UTC counts them. Room is taken before a call and what
 * was not used is given back after it, so calls at once can not run over; a process that dies in between leaves its
 * reservation as spent until the window ends.
 */
export class Budget {
  readonly #redis: Redis;
  readonly #limits: BudgetLimits;
  readonly #now: () => number;

  constructor(redis: Redis, limits: BudgetLimits, now: () => number) {
    this.#redis = redis;
    this.#limits = limits;
    this.#now = now;
  }

  /** `exceeded` names the limit that has no room: the call must not be made. */
  async reserve({ tokens, usd }: Spending): Promise<{ reservation: Reservation } | { exceeded: string }> {
    const keys = this.#keys();
    const perWindow = BUDGET_WINDOWS.flatMap((window) => [
      this.#limits[window].tokens,
      toMicroUsd(this.#limits[window].usd),
      (2 * WINDOW_MS[window]) / 1000,
    ]);
    const exceeded = await reserveScript.run(this.#redis, keys, [tokens, toMicroUsd(usd), ...perWindow]);
    return exceeded === '' ? { reservation: { tokens, usd, keys } } : { exceeded: String(exceeded) };
  }

  async settle({ keys, tokens, usd }: Reservation, used: Spending): Promise<void> {
    const difference = [used.tokens - tokens, toMicroUsd(used.usd) - toMicroUsd(usd)];
    await settleScript.run(this.#redis, keys, difference);
  }

  /** Spent or reserved in the running hour and day. */
  async spent(): Promise<Record<BudgetWindow, Spending>> {
    const [hour, day] = await Promise.all(this.#keys().map((key) => this.#spentIn(key)));
    return { hour: hour!, day: day! };
  }

  /** Of the running hour and day: the shares of the money and of the tokens that are spent. */
  async spentRatios(): Promise<Record<BudgetWindow, { usd: number; tokens: number }>> {
    const spent = await this.spent();
    const ratio = (window: BudgetWindow) => ({
      usd: spent[window].usd / this.#limits[window].usd,
      tokens: spent[window].tokens / this.#limits[window].tokens,
    });
    return { hour: ratio('hour'), day: ratio('day') };
  }

  #keys(): string[] {
    const now = this.#now();
    return BUDGET_WINDOWS.map((window) => llmSpentKey(window, Math.floor(now / WINDOW_MS[window])));
  }

  async #spentIn(key: string): Promise<Spending> {
    const [tokens, microUsd] = await this.#redis.hmget(key, 'tokens', 'microUsd');
    return { tokens: Number(tokens ?? 0), usd: Number(microUsd ?? 0) / 1e6 };
  }
}
