/** A file that can't be imported at all. The message says in one sentence what to do. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}
