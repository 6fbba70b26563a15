/** A stream entry that can't be read: it goes to `dead:<stream>` with this message, never round again. */
export class UndecodableError extends Error {
  override readonly name = 'UndecodableError';
}
