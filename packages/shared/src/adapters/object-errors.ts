/** The store's address or credentials can't be used as they are set. */
export class ModelStoreConfigError extends Error {
  override readonly name = 'ModelStoreConfigError';
}

/** The key is not one that every kind of store can hold. */
export class InvalidObjectKeyError extends Error {
  override readonly name = 'InvalidObjectKeyError';

  constructor(key: string) {
    super(
      `${JSON.stringify(key)} can't be the key of an object: use parts of letters, digits and . _ = - joined by "/", ` +
        'none of them beginning with a dot, 512 characters at most',
    );
  }
}

export class ObjectNotFoundError extends Error {
  override readonly name = 'ObjectNotFoundError';
  readonly key: string;

  constructor(key: string, address: string, options?: ErrorOptions) {
    super(`there is no object ${key} in ${address}`, options);
    this.key = key;
  }
}

/** The store does not answer, or answers that it can't: the same call may work later. */
export class StoreUnreachableError extends Error {
  override readonly name = 'StoreUnreachableError';

  constructor(address: string, options: { cause: unknown }) {
    super(
      `the model store at ${address} does not answer (${reasonOf(options.cause)}): ` +
        'check that it runs, that this machine can reach it, and MODEL_STORE_URL',
      options,
    );
  }
}

/** The store answers, but not to these credentials. */
export class StoreAccessDeniedError extends Error {
  override readonly name = 'StoreAccessDeniedError';

  constructor(address: string, options: { cause: unknown }) {
    super(
      `the model store at ${address} refuses access (${reasonOf(options.cause)}): check MODEL_STORE_ACCESS_KEY, ` +
        'MODEL_STORE_SECRET_KEY and their rights; for a directory, its owner and mode',
      options,
    );
  }
}

/** An object that never changes was about to be given other content. */
export class ImmutableObjectError extends Error {
  override readonly name = 'ImmutableObjectError';
  readonly key: string;

  constructor(key: string) {
    super(`object ${key} exists with other content and never changes: write the new content under a key of its own`);
    this.key = key;
  }
}

function reasonOf(cause: unknown): string {
  // A refused connection to a name with several addresses is an AggregateError with an empty message.
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join(', ');
  return cause instanceof Error ? cause.message : String(cause);
}
