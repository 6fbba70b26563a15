/** The suite can't start, or can't go on; the message is one sentence for the person at the terminal. */
export class SuiteError extends Error {
  override readonly name = 'SuiteError';
}
