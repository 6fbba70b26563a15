import { setImmediate } from 'node:timers/promises';

/** Well under the 20 ms for which nothing may hold an event loop: what runs between two looks at the clock adds to it. */
const SHARE_MS = 5;

/**
 * What a long piece of work may take of the event loop before other work has its turn. Pieces that run side by side
 * hold one share together: eight partitions with 5 ms of work each would otherwise hold the loop for 40. Between steps
 * of at most a few milliseconds each of them says
 *
 *     while (share.isUsedUp) await share.nextTurn();
 */
export class EventLoopShare {
  readonly #now: () => number;
  #endsAt: number;
  #nextTurn: Promise<void> | undefined;

  /** `now`: a clock in ms that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#endsAt = now();
  }

  get isUsedUp(): boolean {
    return this.#now() >= this.#endsAt;
  }

  /** After the other work; whoever comes first then may have used the new share up again. */
  nextTurn(): Promise<void> {
    this.#nextTurn ??= setImmediate().then(() => {
      this.#nextTurn = undefined;
      this.#endsAt = this.#now() + SHARE_MS;
    });
    return this.#nextTurn;
  }
}
