import { MODEL_INPUT_LENGTH } from '@liminal/shared/contracts/model-input';
import type { OpenRelease, ScoredVector } from '@liminal/shared/release/open-release';
import { auroc } from '../evaluation/ranking.ts';

/** Rows to judge by: normal traffic as it came, rows of different users and all of them, and anomalies made of it. */
export interface GateRows {
  /** Row-major [n, `MODEL_INPUT_LENGTH`], NaN = not observed. */
  all: Float32Array;
  /** The same, of different users: independent of each other. */
  ofUsers: Float32Array;
  injected: Float32Array;
}

/** What a release does on the rows. */
export interface Measurement {
  /** p-values of the rows of different users. */
  pValues: number[];
  /** Share of all rows that alarm. */
  alarmShare: number;
  /** AUROC of injected anomalies against the rows they were made of. */
  separation: number;
  microsecondsPerRow: number;
  /** Largest difference of a row's p-value between scoring it alone and in a batch. */
  batchDifference: number;
}

const BATCH_ROWS = 512;
/** Rows that are scored alone too. */
const ROWS_ALONE = 100;

export async function measureRelease(release: OpenRelease, rows: GateRows, alertRate: number): Promise<Measurement> {
  const startedAt = performance.now();
  const all = await scoreAll(release, rows.all);
  const elapsedMs = performance.now() - startedAt;
  const ofUsers = await scoreAll(release, rows.ofUsers);
  const injected = await scoreAll(release, rows.injected);
  const normal = ofUsers.slice(0, injected.length);
  const scores = [...normal, ...injected].map(({ pValue }) => -pValue);
  const labels = Uint8Array.from(scores, (_, row) => (row < normal.length ? 0 : 1));
  return {
    pValues: ofUsers.map(({ pValue }) => pValue),
    alarmShare: all.filter(({ pValue }) => pValue <= alertRate).length / all.length,
    separation: auroc({ scores, labels }),
    microsecondsPerRow: (1000 * elapsedMs) / all.length,
    batchDifference: await batchDifference(release, rows.ofUsers, ofUsers),
  };
}

async function scoreAll(release: OpenRelease, rows: Float32Array): Promise<ScoredVector[]> {
  const scored: ScoredVector[] = [];
  for (let start = 0; start < rows.length; start += BATCH_ROWS * MODEL_INPUT_LENGTH) {
    const batch = rows.subarray(start, start + BATCH_ROWS * MODEL_INPUT_LENGTH);
    scored.push(...(await release.score(batch, batch.length / MODEL_INPUT_LENGTH)));
  }
  return scored;
}

async function batchDifference(
  release: OpenRelease,
  rows: Float32Array,
  inBatches: readonly ScoredVector[],
): Promise<number> {
  let largest = 0;
  for (const [row, { pValue }] of inBatches.slice(0, ROWS_ALONE).entries()) {
    const [alone] = await release.score(rows.subarray(row * MODEL_INPUT_LENGTH, (row + 1) * MODEL_INPUT_LENGTH), 1);
    largest = Math.max(largest, Math.abs(alone!.pValue - pValue));
  }
  return largest;
}
