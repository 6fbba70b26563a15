import type { Event } from '@liminal/shared/contracts/event';
import { EventBatchWriter } from '@liminal/shared/contracts/event-batch-writer';
import { IdsWriter } from './ids-writer.ts';
import type { PackedBatch } from './ingest.ts';

/** A reader decodes an entry in one go, and the script that stores it hands its ids on in one go. */
export const MAX_EVENTS_PER_ENTRY = 2_000;

/** Packs what a call has for one partition, event by event, into as many stream entries as it takes. */
export class PartitionPacker {
  readonly #partition: number;
  readonly #full: PackedBatch[] = [];
  #events = new EventBatchWriter();
  #ids = new IdsWriter();

  constructor(partition: number) {
    this.#partition = partition;
  }

  append(event: Event): void {
    if (this.#events.events === MAX_EVENTS_PER_ENTRY) {
      this.#full.push(this.#batch());
      this.#events = new EventBatchWriter();
      this.#ids = new IdsWriter();
    }
    this.#events.append(event);
    this.#ids.append(this.#events.newestUser, event.id);
  }

  batches(): PackedBatch[] {
    return [...this.#full, this.#batch()];
  }

  #batch(): PackedBatch {
    return {
      partition: this.#partition,
      bytes: this.#events.toBytes(),
      events: this.#events.events,
      ids: this.#ids.toBytes(),
      identified: this.#ids.identified,
    };
  }
}
