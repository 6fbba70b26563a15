import type { Event } from '@liminal/shared/contracts/event';

/** An event whose time is a number: what the simulator yields. Whole milliseconds since the epoch. */
export type TimedEvent = Event & { ts: number };

/** Where a person sits: what the platform sees of the device. */
export interface Client {
  readonly ip: string;
  readonly userAgent: string;
}
