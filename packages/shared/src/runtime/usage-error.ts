/** Arguments of a command that don't make sense; the message says in one sentence what is wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
