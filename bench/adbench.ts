import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { isolationForest } from '@liminal/kenning/detectors/isolation-forest';
import { createMatrix, type Matrix, takeRows } from '@liminal/kenning/detectors/matrix';
import { Random } from '@liminal/shared/runtime/random';

export const name = 'isolation forest: AUROC on ADBench, protocol unsup';
const SEEDS = 5;
const FEWEST_ROWS = 1_000;
const MOST_ROWS = 50_000;
const AIM_POINTS = 1.5;

interface LabelledRows {
  rows: Matrix;
  isAnomaly: Uint8Array;
}

/**
 * Fits and scores all rows of each set (standardised; fewer than 1,000 rows bootstrapped to 1,000, more than 50,000
 * subsampled), five seeds, and compares the mean AUROC with the one published by Livernoche et al. (ICLR 2024).
 */
export async function run(): Promise<void> {
  const directory = join(process.env.LIMINAL_DATA_DIR ?? join(import.meta.dirname, '../../shared/data'), 'adbench');
  if (!existsSync(directory)) {
    console.warn(`SKIPPED ${name}: no data in ${directory} (set LIMINAL_DATA_DIR)`);
    return;
  }
  const published = readPublished(join(directory, 'REFERENCE_AUROC.csv'));
  const lines: { set: string; ours: number; published: number; difference: number }[] = [];
  for (const file of readdirSync(directory).filter((entry) => entry.endsWith('.csv.gz'))) {
    const set = file.replace('.csv.gz', '');
    const reference = published.get(set);
    if (reference === undefined) continue;
    const ours = await meanAuroc(readLabelledRows(join(directory, file)));
    lines.push({ set, ours: round(ours), published: reference, difference: round(ours - reference) });
  }
  const meanOf = (pick: (line: (typeof lines)[number]) => number) =>
    round(lines.reduce((sum, line) => sum + pick(line), 0) / lines.length);
  console.log(name);
  console.table(lines);
  console.log(
    `mean over ${lines.length} sets: ours ${meanOf((line) => line.ours)}, published ${meanOf((line) => line.published)}; ` +
      `mean absolute difference ${meanOf((line) => Math.abs(line.difference))} points (aim: at most ${AIM_POINTS})`,
  );
}

async function meanAuroc(all: LabelledRows): Promise<number> {
  let sum = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const { rows, isAnomaly } = resized(all, new Random(seed));
    const scaled = standardised(rows);
    const forest = await isolationForest.fit(scaled, isolationForest.defaultOptions, { seed });
    sum += 100 * auroc(isolationForest.anomalyScores(forest, scaled), isAnomaly);
  }
  return sum / SEEDS;
}

function resized({ rows, isAnomaly }: LabelledRows, random: Random): LabelledRows {
  if (rows.rows >= FEWEST_ROWS && rows.rows <= MOST_ROWS) return { rows, isAnomaly };
  const indices =
    rows.rows > MOST_ROWS
      ? random.sample(rows.rows, MOST_ROWS)
      : Int32Array.from({ length: FEWEST_ROWS }, () => random.int(rows.rows));
  return { rows: takeRows(rows, indices), isAnomaly: Uint8Array.from(indices, (index) => isAnomaly[index]!) };
}

function standardised({ values, rows, columns }: Matrix): Matrix {
  const scaled = new Float32Array(values.length);
  for (let column = 0; column < columns; column++) {
    let sum = 0;
    let squares = 0;
    for (let index = column; index < values.length; index += columns) sum += values[index]!;
    const mean = sum / rows;
    for (let index = column; index < values.length; index += columns) squares += (values[index]! - mean) ** 2;
    const deviation = Math.sqrt(squares / rows) || 1;
    for (let index = column; index < values.length; index += columns) {
      scaled[index] = (values[index]! - mean) / deviation;
    }
  }
  return createMatrix(scaled, columns);
}

/** Area under the ROC curve as the Mann–Whitney statistic; ties count half. */
function auroc(scores: Float64Array, isAnomaly: Uint8Array): number {
  const order = Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]!);
  let rankSum = 0;
  let anomalies = 0;
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && scores[order[end]!] === scores[order[start]!]) end++;
    for (let index = start; index < end; index++) {
      if (isAnomaly[order[index]!] === 0) continue;
      anomalies++;
      rankSum += (start + end + 1) / 2;
    }
  }
  return (rankSum - (anomalies * (anomalies + 1)) / 2) / (anomalies * (order.length - anomalies));
}

function readLabelledRows(path: string): LabelledRows {
  const [header = '', ...lines] = gunzipSync(readFileSync(path)).toString().trim().split('\n');
  const columns = header.split(',').length - 1;
  const values = new Float32Array(lines.length * columns);
  const isAnomaly = new Uint8Array(lines.length);
  lines.forEach((line, row) => {
    const cells = line.split(',');
    for (let column = 0; column < columns; column++) values[row * columns + column] = Number(cells[column]);
    isAnomaly[row] = Number(cells[columns]);
  });
  return { rows: createMatrix(values, columns), isAnomaly };
}

/** Set → published AUROC of the isolation forest, %. */
function readPublished(path: string): Map<string, number> {
  const [header = '', ...lines] = readFileSync(path, 'utf8').trim().split(/\r?\n/);
  const column = header.split(',').indexOf('unsup_IForest');
  return new Map(
    lines.map((line) => {
      const cells = line.split(',');
      return [cells[0]!, Number(cells[column])] as const;
    }),
  );
}

const round = (value: number): number => Number(value.toFixed(2));

if (import.meta.main) await run();
