import { z } from 'zod';
import { POINTER_NAMES, pointerSchema, releaseActionSchema, releaseIdSchema } from './release.ts';

/** Jobs of the queue `releases`. It has a queue of its own, so that no training stands before a rollback. */
export const MOVE_POINTER = 'move-pointer';

/** Asks kenning, which alone writes the pointers, to move one. Doing it twice changes nothing. */
export const movePointerJobSchema = z.object({
  pointer: z.enum(POINTER_NAMES),
  action: releaseActionSchema,
  release: releaseIdSchema,
  /**
   * What the pointer has to show before: if somebody else has moved it meanwhile, it stays as it is. Any, unless given.
   */
  expected: releaseIdSchema.optional(),
  reason: z.string().min(1).max(1000),
  requestedBy: z.string().min(1).max(200),
});
export type MovePointerJob = z.infer<typeof movePointerJobSchema>;

/** `moved`: whether the pointer shows the release now. */
export const movePointerResultSchema = z.object({ moved: z.boolean(), pointer: pointerSchema.nullable() });
export type MovePointerResult = z.infer<typeof movePointerResultSchema>;

/** A pointer is not moved for a lack of trying: stores come back. */
export const MOVE_ATTEMPTS = { attempts: 10, backoff: { type: 'exponential', delay: 500 } } as const;
export const MOVE_HISTORY = { removeOnComplete: { count: 200 }, removeOnFail: { count: 200 } } as const;
