import { z } from 'zod';

const LARGEST = 2n ** 64n - 1n;

/** An id of a Redis stream: two unsigned 64-bit numbers. Redis itself answers a larger one with an error. */
export const isStreamId = (text: string): boolean =>
  /^\d{1,20}-\d{1,20}$/.test(text) && text.split('-').every((part) => BigInt(part) <= LARGEST);

export const streamIdSchema = z
  .string()
  .refine(isStreamId, 'must be an id that was given before, as in 1764000000000-0');
