import { StoreUnreachableError } from '@liminal/shared/adapters/object-errors';
import { errors } from '../errors.ts';

const RETRY_AFTER_SECONDS = 2;

/** Runs a read of the model store; a store that is away is an error that says so. */
export async function orStoreAway<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof StoreUnreachableError)) throw error;
    const fields = { reason: error.message, retryAfterSeconds: RETRY_AFTER_SECONDS };
    throw errors('LIMINAL_ERR_RETRAINER_STORE_AWAY', fields, { cause: error });
  }
}
