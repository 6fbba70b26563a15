/**
 * Every Redis key of the suite. `{p}` is a Redis Cluster hash tag: all keys of a partition share a slot.
 * Nothing else in the code spells a key.
 */

export type PartitionedStream = 'events' | 'features' | 'predictions';

/** Consumer groups are named after the service that reads. */
export type ReaderGroup = 'feature-extractor' | 'predictor' | 'kenning' | 'auto-retrainer';

/** Stream of a partition, e.g. `events:{3}`. */
export const streamKey = (stream: PartitionedStream, partition: number): string => `${stream}:{${partition}}`;

/** Stream of every anomaly, newest last. */
export const anomaliesKey = 'anomalies';

/** What could not be decoded, with the reason, e.g. `dead:events:{3}`. */
export const deadLetterKey = (stream: string): string => `dead:${stream}`;

/** Hash group → first stream id that the group still needs. Trimming goes up to the smallest of them. */
export const neededFromKey = (stream: PartitionedStream, partition: number): string =>
  `needed:${stream}:{${partition}}`;

/** Hash `last` (id of the last entry applied) and `count` (events, vectors or predictions applied) of a group. */
export const cursorKey = (group: ReaderGroup, partition: number): string => `cursor:${group}:{${partition}}`;

/** Number of events that were ever accepted into a partition: minus the cursor's count it is the lag. */
export const acceptedKey = (partition: number): string => `accepted:{${partition}}`;

/** Event ids seen in one of the rotating spans that remember them. */
export const seenIdsKey = (partition: number, span: number): string => `ids:{${partition}}:${span}`;

/** What one call of `POST /events` came to, kept for as long as a connection may send its script again. */
export const callKey = (callId: string): string => `call:${callId}`;

/** Holder of a partition in a group: the instance's name, with a time-out. */
export const leaseKey = (group: ReaderGroup, partition: number): string => `lease:${group}:{${partition}}`;

/** Fencing token of a partition in a group: grows with every change of holder, never goes back. */
export const fenceKey = (group: ReaderGroup, partition: number): string => `fence:${group}:{${partition}}`;

/** Sorted set of live instances of a group, scored by the time of their last sign of life. */
export const membersKey = (group: ReaderGroup): string => `members:${group}`;

/** Snapshot of a user's fold state. */
export const stateKey = (partition: number, user: string): string => `state:{${partition}}:${user}`;

/** Newest feature vector of a user. */
export const featuresKey = (partition: number, user: string): string => `features:{${partition}}:${user}`;

/** Newest prediction of a user. */
export const predictionKey = (partition: number, user: string): string => `prediction:{${partition}}:${user}`;

/** BullMQ queues. */
export const trainingQueue = 'training';
export const queuePrefix = 'queue';
