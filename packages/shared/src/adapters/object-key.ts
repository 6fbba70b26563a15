import { InvalidObjectKeyError } from './object-errors.ts';

const MAX_KEY_LENGTH = 512;
/**
 * Narrower than S3 on purpose: plain ASCII means the same on every file system, sorts the same everywhere, and needs no
 * escaping in URLs. No part begins with a dot, so that `..` can't leave the directory.
 */
const KEY = /^[A-Za-z0-9_=-][A-Za-z0-9._=-]*(?:\/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*$/;

/** Throws `InvalidObjectKeyError`. */
export function assertObjectKey(key: string): void {
  if (key.length > MAX_KEY_LENGTH || !KEY.test(key)) throw new InvalidObjectKeyError(key);
}

/** A prefix is empty, a key, or a key with a slash behind it. */
export function assertObjectPrefix(prefix: string): void {
  if (prefix !== '') assertObjectKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
}

/** Ascending by bytes, as S3 lists. */
export const byKey = (left: { key: string }, right: { key: string }): number =>
  left.key < right.key ? -1 : left.key > right.key ? 1 : 0;
