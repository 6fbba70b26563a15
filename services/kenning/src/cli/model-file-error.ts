/** A file that can't be used as a model. The message says in one sentence what to do. */
export class ModelFileError extends Error {
  override readonly name = 'ModelFileError';
}
