import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Matrix, takeRows } from '@liminal/kenning/detectors/matrix';
import { auroc } from '@liminal/kenning/evaluation/ranking';
import {
  optionsOnColumns,
  TUNABLE_MODELS,
  TUNABLE_NAMES,
  type TunableModel,
} from '@liminal/kenning/tuning/model-spaces';
import { DEFAULT_TUNING, tuneModels } from '@liminal/kenning/tuning/tune-models';
import { Random } from '@liminal/shared/runtime/random';
import { DATA_SETS } from '@liminal/shared/testing/data-sets';
import { type LabelledRows, labelledSets, positionsOf, standardisedBy } from './adbench/labelled-sets.ts';
import { median } from './isolation-forest-rows.ts';

export const name = 'tuning without labels: AUROC of what it chooses on ADBench';
/** Half of what a tuning fits on at most, and some of the others to judge by: all of them would take hours. */
const MOST_TRAINING_ROWS = 2_000;
const MOST_TESTED_ROWS = 3_000;
/** Half of fewer rows is not enough for a tuning. */
const FEWEST_ROWS = 500;

/** AUROC, %. */
interface Outcome {
  default: number;
  chosen: number;
  /** Of all configurations that were tried, the default one included. */
  median: number;
  best: number;
}
/** What is fitted on: normal rows alone, or rows as they come, anomalies included. */
const TRAINING_KINDS = ['normal', 'contaminated'] as const;
type TrainingKind = (typeof TRAINING_KINDS)[number];
type Outcomes = Record<TrainingKind, Record<string, Outcome[]>>;

/**
 * `POST /pipelines/tune` without labels, as it is by default, on one half of the normal rows or of all rows; then every
 * configuration that it tried is fitted on these rows, and the labels of the others say how good the chosen one is among them.
 *
 * `TUNING_SEEDS` seeds (1 unless given), `ADBENCH_SETS` words of sets, comma-separated (all), `TUNING_WRITE=1` writes
 * docs/tuning.md.
 */
export async function run(): Promise<void> {
  const directory = join(DATA_SETS, 'adbench');
  if (!existsSync(directory)) {
    console.warn(`SKIPPED ${name}: no data in ${directory} (set LIMINAL_DATA_DIR)`);
    return;
  }
  const seeds = Number(process.env.TUNING_SEEDS ?? 1);
  const words = (process.env.ADBENCH_SETS ?? '').split(',').filter((word) => word !== '');
  const outcomes: Outcomes = { normal: {}, contaminated: {} };
  const sets = labelledSets(directory, words)
    .map((set) => ({ name: set.name, all: set.read() }))
    .filter(({ all }) => all.rows.rows >= FEWEST_ROWS);
  for (const set of sets) {
    for (let seed = 0; seed < seeds; seed++) {
      for (const kind of TRAINING_KINDS) {
        for (const [model, outcome] of Object.entries(await outcomesOf(set.all, kind, seed))) {
          outcomes[kind][model] = [...(outcomes[kind][model] ?? []), outcome];
          console.log(`${set.name} ${kind} ${model}: ${JSON.stringify(outcome)}`);
        }
      }
    }
  }
  for (const kind of TRAINING_KINDS) {
    console.log(`fitted on ${kind} rows`);
    console.table(meansOf(outcomes[kind]));
  }
  if (process.env.TUNING_WRITE === '1') {
    writeFileSync(join(import.meta.dirname, '../docs/tuning.md'), asMarkdown(outcomes, sets.length, seeds));
  }
}

async function outcomesOf(all: LabelledRows, kind: TrainingKind, seed: number): Promise<Record<string, Outcome>> {
  const { training, tested } = splitFor(kind, all, new Random(seed));
  const { models } = await tuneModels(training, undefined, { ...DEFAULT_TUNING, models: TUNABLE_NAMES }, { seed });
  const outcomes: Record<string, Outcome> = {};
  for (const { model: name, ranking } of models) {
    const tunable = TUNABLE_MODELS[name as keyof typeof TUNABLE_MODELS] as TunableModel<object>;
    const aurocs: number[] = [];
    for (const { options } of ranking) {
      const whole = optionsOnColumns(tunable, { ...tunable.model.defaultOptions, ...options }, training.columns);
      const score = await tunable.model.fitScorer(training, whole, { seed });
      aurocs.push(100 * auroc({ scores: score(tested.rows), labels: tested.isAnomaly }));
    }
    outcomes[name] = {
      default: aurocs[ranking.findIndex(({ isDefault }) => isDefault)]!,
      chosen: aurocs[0]!,
      median: median(aurocs),
      best: Math.max(...aurocs),
    };
  }
  return outcomes;
}

/** Half of the rows to fit on, and the other half, with all anomalies that were not fitted on, to judge by. */
function splitFor(kind: TrainingKind, all: LabelledRows, random: Random): { training: Matrix; tested: LabelledRows } {
  const pool = kind === 'normal' ? positionsOf(all.isAnomaly, 0) : Int32Array.from(all.isAnomaly.keys());
  const shuffled = random.sample(pool.length, pool.length).map((place) => pool[place]!);
  const fitted = shuffled.subarray(0, Math.min(shuffled.length >> 1, MOST_TRAINING_ROWS));
  const rest = shuffled.subarray(shuffled.length >> 1);
  const others = kind === 'normal' ? Int32Array.from([...rest, ...positionsOf(all.isAnomaly, 1)]) : rest;
  const judged = fewer(others, MOST_TESTED_ROWS, random);
  const [training, tested] = standardisedBy(takeRows(all.rows, fitted), takeRows(all.rows, judged));
  const isAnomaly = Uint8Array.from(judged, (row) => all.isAnomaly[row]!);
  return { training: training!, tested: { rows: tested!, isAnomaly } };
}

function fewer(positions: Int32Array, most: number, random: Random): Int32Array {
  if (positions.length <= most) return positions;
  return random.sample(positions.length, most).map((place) => positions[place]!);
}

const COLUMNS = ['default', 'median', 'chosen', 'best'] as const;

function meansOf(byModel: Readonly<Record<string, readonly Outcome[]>>): Record<string, Record<string, number>> {
  const lines = Object.entries(byModel).map(([model, outcomes]) => {
    const mean = (column: keyof Outcome) =>
      outcomes.reduce((sum, outcome) => sum + outcome[column], 0) / outcomes.length;
    return [model, Object.fromEntries(COLUMNS.map((column) => [column, Number(mean(column).toFixed(2))]))] as const;
  });
  return Object.fromEntries(lines);
}

function asMarkdown(outcomes: Outcomes, sets: number, seeds: number): string {
  const table = (kind: TrainingKind): string => {
    const lines = Object.entries(meansOf(outcomes[kind])).map(
      ([model, means]) => `| ${model} | ${COLUMNS.map((column) => means[column]!.toFixed(1)).join(' | ')} |`,
    );
    return [`| model | ${COLUMNS.join(' | ')} |`, `| --- |${' --: |'.repeat(COLUMNS.length)}`, ...lines].join('\n');
  };
  return `# Tuning without labels

Generated by \`TUNING_SEEDS=${seeds} TUNING_WRITE=1 npx -y pnpm@12.21.0 bench tuning\`; don't edit. ${sets} sets of ADBench (those of 500 rows and more), means of
${seeds} seed(s), AUROC in percent. \`POST /pipelines/tune\` tried ${DEFAULT_TUNING.configurations} configurations of each model and chose one by excess mass; then
each of them was fitted on the same rows, half of the set (at most ${MOST_TRAINING_ROWS.toLocaleString('en')}), and scored others. \`chosen\` is the one that the tuning would train, \`median\` and \`best\` are of all
that it tried, \`default\` is what is trained when nothing is said.

## Fitted on normal rows

${table('normal')}

What the platform gathers is of this kind: nearly all of it normal.

## Fitted on rows of which a part are anomalies

${table('contaminated')}

Excess mass rewards level sets that hold 90% of the rows and more as tightly as possible. Where anomalies are a tenth of the
rows and come in clumps, that is to hold them too: without labels, and with many anomalies among the rows, keep the defaults.
`;
}

if (import.meta.main) await run();
