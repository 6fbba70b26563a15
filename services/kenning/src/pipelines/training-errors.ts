/** The rows can't be trained on; the message says what they lack. */
export class TrainingDataError extends Error {
  override readonly name = 'TrainingDataError';
}

/** The exported file does not give what the fitted model gives: it must not be released. */
export class OnnxParityError extends Error {
  override readonly name = 'OnnxParityError';
}
