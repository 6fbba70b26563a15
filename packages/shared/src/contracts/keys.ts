/**
 * Every Redis key of the suite. `{p}` is a Redis Cluster hash tag: all keys of a partition share a slot.
 * Nothing else in the code spells a key.
 */

export type PartitionedStream = 'events' | 'features' | 'predictions' | 'series';

/** Consumer groups are named after the service that reads; `series-watch` is the predictor that watches the platform, `incidents`
 * the backend that groups anomalies. */
export type ReaderGroup =
  | 'feature-extractor'
  | 'predictor'
  | 'kenning'
  | 'auto-retrainer'
  | 'series-watch'
  | 'incidents';

/** Stream of a partition, e.g. `events:{3}`. */
export const streamKey = (stream: PartitionedStream, partition: number): string => `${stream}:{${partition}}`;

/** Stream of every anomaly, newest last. */
export const anomaliesKey = 'anomalies';

/** Stream of every verdict on an anomaly, oldest first. Never trimmed: people give them, one by one. */
export const verdictsKey = 'verdicts:{feedback}';

/** List of the stream ids of the verdicts on one anomaly, oldest first. */
export const verdictsOfKey = (anomalyId: string): string => `verdicts:{feedback}:${anomalyId}`;

/** An incident (JSON), and the list of the stream ids of its newest anomalies, newest last. */
export const incidentKey = (id: string): string => `incident:{incidents}:${id}`;
export const incidentAnomaliesKey = (id: string): string => `incident:{incidents}:${id}:anomalies`;

/** What is known of a user, an IP or a scenario: its newest incident and what is usual for it (JSON). */
export const incidentGroupKey = (group: string): string => `incident-group:{incidents}:${group}`;

/** Sorted sets of the incidents that are shown by risk, and of all by the time (ms) of their last change. */
export const incidentRanksKey = 'incidents:{incidents}:ranks';
export const incidentAgesKey = 'incidents:{incidents}:ages';

/** Hash anomaly → its stream id and its incidents, in words; and the list of its fields, oldest first. */
export const incidentIndexKey = 'incidents:{incidents}:index';
export const incidentIndexOrderKey = 'incidents:{incidents}:index-order';

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

/** Hash of what failed of a release that serves a partition, e.g. `serving:{3}:r-20261123T100000-0f3c9a1e`. */
export const servingKey = (partition: number, release: string): string => `serving:{${partition}}:${release}`;

/** List of features of earlier vectors of a user, newest first: what is usual for the user. */
export const userHistoryKey = (partition: number, user: string): string => `history:{${partition}}:${user}`;

/** BullMQ queues. */
export const trainingQueue = 'training';
export const releasesQueue = 'releases';
export const queuePrefix = 'queue';
export const analysisQueue = 'analysis';

/** Hash `tokens` and `microUsd` (millionths of a dollar) that LLM providers were asked for in an hour or a day since the epoch. */
export const llmSpentKey = (window: 'hour' | 'day', number: number): string => `llm:{analysis}:${window}:${number}`;

/** Finished analysis of an anomaly (JSON). */
export const analysisKey = (anomalyId: string): string => `analysis:{analysis}:${anomalyId}`;

/** Hash provider → what it has said of an anomaly that is being analysed: whoever goes on with the job does not ask again. */
export const analysisAnswersKey = (anomalyId: string): string => `analysis-answers:{analysis}:${anomalyId}`;

/** What a provider said of anomalies that look like this one. */
export const llmVerdictKey = (provider: string, signature: string): string => `llm-verdict:${provider}:${signature}`;

/** Key of the pseudonyms of a day (days since the epoch), 32 bytes. */
export const pseudonymKeyKey = (day: number): string => `pseudonyms:{analysis}:${day}`;

/** Stream id of the last anomaly that was looked at for an analysis of its own accord. */
export const analysisCursorKey = 'cursor:analysis';
