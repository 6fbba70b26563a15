/** Feeding can't go on. The message says in one sentence what to do. */
export class FeedError extends Error {
  override readonly name = 'FeedError';
}
