import { z } from 'zod';

/** Of a query for a page of a stream, newest first. */
export const cursorSchema = z
  .string()
  .regex(/^\d{1,20}-\d{1,20}$/, 'must be the next of an earlier page')
  .optional()
  .describe('next of the page before this one');

export const nextSchema = z
  .string()
  .nullable()
  .describe('before of the next page; null = no more. A page may be short although another one follows');
