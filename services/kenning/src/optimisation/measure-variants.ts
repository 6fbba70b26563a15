import type { Latency, ScoreDifference, VariantReport } from '@liminal/shared/contracts/optimisation-report';
import { spearman } from '@liminal/shared/statistics/rank-correlation';
import type { Matrix } from '../detectors/matrix.ts';
import { auroc } from '../evaluation/ranking.ts';
import { nonStandardOperators } from '../onnx/model-rewrite.ts';
import { type ModelOutputs, ModelSession } from '../onnx/model-session.ts';
import type { LabelledRows } from '../tuning/labelled-rows.ts';
import type { Variant } from './variants.ts';

export interface MeasuringOptions {
  batches: readonly { rows: number; runs: number }[];
  /** Runs of each variant before the first one that counts. */
  warmUpRuns: number;
  alarmRates: readonly number[];
  /** Milliseconds from any origin. */
  clock(): number;
}

export const DEFAULT_MEASURING: Omit<MeasuringOptions, 'clock'> = {
  batches: [
    { rows: 1, runs: 300 },
    { rows: 32, runs: 300 },
    { rows: 1024, runs: 100 },
  ],
  warmUpRuns: 100,
  alarmRates: [0.01, 0.05],
};

export type MeasuredVariant = Omit<VariantReport, 'file'>;

/**
 * Runs the variants (the original first) on the same rows, taking turns, so that whatever else the machine does falls on
 * all of them alike. `rows`: at least one, raw, NaN = not observed.
 */
export async function measureVariants(
  variants: readonly Variant[],
  rows: Matrix,
  labelled: LabelledRows | undefined,
  options: MeasuringOptions,
): Promise<MeasuredVariant[]> {
  const sessions: ModelSession[] = [];
  try {
    for (const { bytes } of variants) sessions.push(await ModelSession.open(bytes));
    const latencies = await measureLatencies(sessions, rows, options);
    const measured: MeasuredVariant[] = [];
    let original: ModelOutputs | undefined;
    for (const [index, { kind, bytes }] of variants.entries()) {
      const outputs = await sessions[index]!.run(rows);
      const known = labelled && (await sessions[index]!.run(labelled.rows)).scores;
      measured.push({
        kind,
        sizeBytes: bytes.byteLength,
        nonStandardOperators: nonStandardOperators(bytes),
        latencies: latencies[index]!,
        difference: original === undefined ? null : scoreDifference(original, outputs, options.alarmRates),
        auroc: known === undefined ? null : auroc({ scores: known, labels: labelled!.labels }),
      });
      original ??= outputs;
    }
    return measured;
  } finally {
    for (const session of sessions) await session.release();
  }
}

async function measureLatencies(
  sessions: readonly ModelSession[],
  rows: Matrix,
  { batches, warmUpRuns, clock }: MeasuringOptions,
): Promise<Latency[][]> {
  const latencies: Latency[][] = sessions.map(() => []);
  for (const { rows: batchRows, runs } of batches) {
    const batch = repeatedRows(rows, batchRows);
    const times = sessions.map(() => new Float64Array(runs));
    for (let run = -warmUpRuns; run < runs; run++) {
      for (let turn = 0; turn < sessions.length; turn++) {
        // Another one begins each time: the first one finds the caches cold.
        const index = (turn + run + warmUpRuns) % sessions.length;
        const startedAt = clock();
        await sessions[index]!.run(batch);
        if (run >= 0) times[index]![run] = clock() - startedAt;
      }
    }
    for (const [index, taken] of times.entries()) {
      taken.sort();
      latencies[index]!.push({ batchRows, runs, medianMs: quantile(taken, 0.5), p99Ms: quantile(taken, 0.99) });
    }
  }
  return latencies;
}

/** The smallest value that a share of the values does not exceed. */
const quantile = (sorted: Float64Array, share: number): number => sorted[Math.ceil(share * sorted.length) - 1]!;

function repeatedRows({ values, rows, columns }: Matrix, count: number): Matrix {
  const repeated = Float32Array.from({ length: count * columns }, (_, index) => values[index % (rows * columns)]!);
  return { values: repeated, rows: count, columns };
}

export function scoreDifference(
  original: Pick<ModelOutputs, 'scores' | 'pValues'>,
  variant: Pick<ModelOutputs, 'scores' | 'pValues'>,
  alarmRates: readonly number[],
): ScoreDifference {
  const count = original.scores.length;
  let [maxAbsolute, sum] = [0, 0];
  for (let row = 0; row < count; row++) {
    const difference = Math.abs(variant.scores[row]! - original.scores[row]!);
    maxAbsolute = Math.max(maxAbsolute, difference);
    sum += difference;
  }
  const rankCorrelation = spearman(original.scores, variant.scores);
  return {
    maxAbsolute,
    meanAbsolute: sum / count,
    rankCorrelation: Number.isNaN(rankCorrelation) ? null : rankCorrelation,
    changedAlarms: alarmRates.map((alarmRate) => {
      // The p-values are float32: one that stands for 0.05 is above the double 0.05.
      const limit = Math.fround(alarmRate);
      const changed = original.pValues.filter((p, row) => p <= limit !== variant.pValues[row]! <= limit).length;
      return { alarmRate, changedShare: changed / count };
    }),
  };
}
