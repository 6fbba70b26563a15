/**
 * Every Redis key of the suite. `{p}` is a Redis Cluster hash tag: all keys of a partition share a slot.
 * Nothing else in the code spells a key.
 */

export type PartitionedStream = 'events' | 'features' | 'predictions' | 'series';

/** Consumer groups are named after the service that reads; `series-watch` is the predictor that watches the platform. */
export type ReaderGroup = 'feature-extractor' | 'predictor' | 'kenning' | 'auto-retrainer' | 'series-watch';

/** Stream of a partition, e.g. `events:{3}`. */
export const streamKey = (stream: PartitionedStream, partition: number): string => `${stream}:{${partition}}`;

/** Stream of every anomaly, newest last. */
export const anomaliesKey = 'anomalies';

/** Stream of every verdict on an anomaly, oldest first. Never trimmed: people give them, one by one. */
export const verdictsKey = 'verdicts:{feedback}';

/** List of the stream ids of the verdicts on one anomaly, oldest first. */
export const verdictsOfKey = (anomalyId: string): string => `verdicts:{feedback}:${anomalyId}`;

/** Hash of all that analysts have decided: `revision`, `policy` (alarm-policy.ts; the predictor reads both) and `resets`. */
export const alarmPolicyKey = 'policy:{feedback}';

/** Hash rule id → suppression rule as JSON (suppression.ts), those that are over as well. */
export const suppressionsKey = 'suppressions:{feedback}';

/**
 * Hash of what was held back, written by the predictor: `<by>:count`, and `<by>:last`, the newest event time, ms. `by` is the
 * id of a rule, or the reason where that is a threshold.
 */
export const suppressionHitsKey = 'suppressions:{feedback}:hits';

/** Stream of what would have alarmed and was held back, newest last: entries as in `anomalies`. */
export const suppressedKey = 'suppressed';

/** Stream of everything that analysts have changed, oldest first (audit-entry.ts). Never trimmed. */
export const auditKey = 'audit:{feedback}';

/** What could not be decoded, with the reason, e.g. `dead:events:{3}`. */
export const deadLetterKey = (stream: string): string => `dead:${stream}`;

/** Hash group → first stream id that the group still needs. Trimming goes up to the smallest of them. */
export const neededFromKey = (stream: PartitionedStream, partition: number): string =>
  `needed:${stream}:{${partition}}`;

/**
 * Hash `last` (id of the last entry applied) and `count` (events, vectors or predictions applied) of a group. The
 * feature-extractor's also has the partition's clock: `watermark`, `eventTime`, `delayMs` (ms; see docs/platform-watch.md).
 */
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

/** Snapshot of the minutes of a partition that are still open. */
export const openMinutesKey = (partition: number): string => `minutes:{${partition}}`;

/** Hash of the platform watch: `state` (packed), `series` (packed list of them) and `commits` (how many there were). */
export const watchKey = 'watch:{series}';

/** Detector of a series: its state after some minute; what came later is in the points. */
export const seriesDetectorKey = (series: string): string => `detector:{series}:${series}`;

/** Ring of the last day's points of a series (series-points.ts). */
export const seriesPointsKey = (series: string): string => `points:{series}:${series}`;

/** Newest feature vector of a user. */
export const featuresKey = (partition: number, user: string): string => `features:{${partition}}:${user}`;

/** Newest prediction of a user. */
export const predictionKey = (partition: number, user: string): string => `prediction:{${partition}}:${user}`;

/** Hash of all that the auto-retrainer has to remember, written in one step under its fencing token. */
export const retrainerKey = 'retrainer';

/** What the auto-retrainer found of drift at its last look (drift-report.ts). */
export const driftReportKey = 'retrainer:drift';

/** List of what people asked of the auto-retrainer and its leader has not taken up yet, oldest first. */
export const retrainerRequestsKey = 'retrainer:requests';

/** Hash of what the shadow release said of a partition's vectors beside the one that serves, e.g. `shadow:{3}`. */
export const shadowKey = (partition: number): string => `shadow:{${partition}}`;

/** List of features of earlier vectors of a user, newest first: what is usual for the user. */
export const userHistoryKey = (partition: number, user: string): string => `history:{${partition}}:${user}`;

/** BullMQ queues. */
export const trainingQueue = 'training';
export const releasesQueue = 'releases';
export const queuePrefix = 'queue';
