import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { queuePrefix, releasesQueue } from '../contracts/keys.ts';
import {
  MOVE_ATTEMPTS,
  MOVE_HISTORY,
  type MOVE_POINTER,
  type MovePointerJob,
  type MovePointerResult,
} from '../contracts/release-moves.ts';

export type ReleasesQueue = Queue<MovePointerJob, MovePointerResult, typeof MOVE_POINTER>;

export function openReleasesQueue(connection: Redis): ReleasesQueue {
  return new Queue(releasesQueue, {
    connection,
    prefix: queuePrefix,
    defaultJobOptions: { ...MOVE_ATTEMPTS, ...MOVE_HISTORY },
  });
}
