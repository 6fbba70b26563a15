import { queuePrefix, releasesQueue } from '@liminal/shared/contracts/keys';
import {
  type MOVE_POINTER,
  type MovePointerJob,
  type MovePointerResult,
  movePointerJobSchema,
} from '@liminal/shared/contracts/release-moves';
import { ReleaseError } from '@liminal/shared/release/release-errors';
import { type Job, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { ReleaseRegistry } from '../registry/release-registry.ts';

export interface ReleaseMovesOptions {
  connection: Redis;
  registry: ReleaseRegistry;
  logger: Logger;
}

/** Works the queue `releases`, one job at a time: moves pointers on request. */
export class ReleaseMoves {
  readonly #options: ReleaseMovesOptions;
  #worker: Worker<MovePointerJob, MovePointerResult, typeof MOVE_POINTER> | undefined;

  constructor(options: ReleaseMovesOptions) {
    this.#options = options;
  }

  start(): void {
    const { connection, logger } = this.#options;
    this.#worker = new Worker(releasesQueue, (job) => this.#move(job), { connection, prefix: queuePrefix });
    this.#worker.on('error', (error) => logger.error({ err: error }, 'queue of releases failed; retrying'));
  }

  async stop(): Promise<void> {
    await this.#worker?.close();
  }

  async #move({ id, data }: Job<MovePointerJob, MovePointerResult>): Promise<MovePointerResult> {
    const { registry, logger } = this.#options;
    try {
      const result = await registry.move(movePointerJobSchema.parse(data));
      logger.info({ job: id, ...result.pointer, moved: result.moved }, 'pointer asked to move');
      return result;
    } catch (error) {
      logger.error({ err: error, job: id }, 'could not move the pointer');
      // A release that can't be verified will not be better next time.
      if (error instanceof ReleaseError) throw new UnrecoverableError(error.message);
      if (error instanceof z.ZodError) throw new UnrecoverableError(`not a move: ${z.prettifyError(error)}`);
      throw error;
    }
  }
}
