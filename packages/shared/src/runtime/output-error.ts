/** A file that can't be written. The message is one sentence that says what to do. */
export class OutputError extends Error {
  override readonly name = 'OutputError';

  constructor(path: string, cause: unknown) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    super(`${path} can't be written (${why}); give a file in a directory that exists and is yours, with space left`, {
      cause,
    });
  }
}
