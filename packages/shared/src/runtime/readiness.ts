const CHECK_TIMEOUT_MS = 2_000;

export interface DependencyState {
  ready: boolean;
  /** Why not, in plain words. */
  reason?: string;
}

/** What a service needs before it can do its work, each part by name. */
export class Readiness {
  readonly #checks = new Map<string, () => Promise<void> | void>();
  #stopping = false;

  /** `check` throws while the dependency is missing; its message says what is missing. */
  require(name: string, check: () => Promise<void> | void): void {
    if (this.#checks.has(name)) throw new Error(`dependency ${name} is checked already`);
    this.#checks.set(name, check);
  }

  /** From now on the service takes no new work. */
  stop(): void {
    this.#stopping = true;
  }

  async report(): Promise<{ ready: boolean; dependencies: Record<string, DependencyState> }> {
    const states = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await stateOf(check)] as const),
    );
    if (this.#stopping) states.push(['service', { ready: false, reason: 'stopping' }]);
    return { ready: states.every(([, state]) => state.ready), dependencies: Object.fromEntries(states) };
  }
}

async function stateOf(check: () => Promise<void> | void): Promise<DependencyState> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([check(), timeout]);
    return { ready: true };
  } catch (error) {
    return { ready: false, reason: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
