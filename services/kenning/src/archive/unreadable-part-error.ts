/** A part of the archive that can't be read. */
export class UnreadablePartError extends Error {
  override readonly name = 'UnreadablePartError';
}
