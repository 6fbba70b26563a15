import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alarmCountBand } from '@liminal/kenning/calibration/beta-binomial';
import { alarmingRanks } from '@liminal/kenning/calibration/conformal';
import { DATA_SETS } from '@liminal/shared/testing/data-sets';
import { type LabelledSet, labelledSets, PROTOCOLS } from './adbench/labelled-sets.ts';
import { alarmRun, COMBINED, MODEL_NAMES, RUNS } from './adbench/protocols.ts';
import { type AdbenchResults, asMarkdown, type SetResult, summaryLines } from './adbench/report.ts';

export const name = 'detectors and their combination: AUROC and alarm rates on ADBench';
export const ALARM_RATES = [0.01, 0.05];
const COVERAGE = 0.95;
const RESULTS_FILE = process.env.ADBENCH_RESULTS;

/**
 * Every detector of a release and their combination, one fixed set of hyperparameters, against the AUROCs published by
 * Livernoche et al. (ICLR 2024); and how often they alarm on fresh normal rows.
 *
 * `ADBENCH_SEEDS` seeds (2 unless given; 5 for the full measurement), `ADBENCH_SETS` words of sets, comma-separated (all),
 * `ADBENCH_WRITE=1` writes docs/adbench.md, `ADBENCH_RESULTS` names a file that keeps the results of each set, so that a
 * measurement can be resumed. Remove it when the code has changed.
 */
export async function run(): Promise<void> {
  const directory = join(DATA_SETS, 'adbench');
  if (!existsSync(directory)) {
    console.warn(`SKIPPED ${name}: no data in ${directory} (set LIMINAL_DATA_DIR)`);
    return;
  }
  const seeds = Number(process.env.ADBENCH_SEEDS ?? 2);
  const words = (process.env.ADBENCH_SETS ?? '').split(',').filter((word) => word !== '');
  const results: AdbenchResults = { seeds, coverage: COVERAGE, sets: [] };
  const kept = keptResults(seeds);
  for (const set of labelledSets(directory, words)) {
    const result = kept.find((earlier) => earlier.name === set.name) ?? (await measured(set, seeds));
    results.sets.push(result);
    if (RESULTS_FILE !== undefined) writeFileSync(RESULTS_FILE, JSON.stringify(results));
    console.table({
      [set.name]: Object.fromEntries(
        PROTOCOLS.flatMap((protocol) =>
          Object.entries(result.aurocs[protocol]).map(([model, auroc]) => [
            `${protocol} ${model}`,
            Number(auroc.toFixed(2)),
          ]),
        ),
      ),
    });
  }
  for (const line of summaryLines(results)) console.log(line);
  if (process.env.ADBENCH_WRITE === '1') {
    writeFileSync(join(import.meta.dirname, '../docs/adbench.md'), asMarkdown(results));
  }
}

function keptResults(seeds: number): SetResult[] {
  if (RESULTS_FILE === undefined || !existsSync(RESULTS_FILE)) return [];
  const kept = JSON.parse(readFileSync(RESULTS_FILE, 'utf8')) as AdbenchResults;
  return kept.seeds === seeds ? kept.sets : [];
}

async function measured(set: LabelledSet, seeds: number): Promise<SetResult> {
  const all = set.read();
  const result: SetResult = {
    name: set.name,
    rows: all.rows.rows,
    columns: all.rows.columns,
    published: set.published,
    aurocs: { unsup: {}, semi: {} },
    alarms: [],
  };
  for (let seed = 0; seed < seeds; seed++) {
    for (const protocol of PROTOCOLS) {
      for (const [model, auroc] of Object.entries(await RUNS[protocol](all, seed))) {
        result.aurocs[protocol][model] = (result.aurocs[protocol][model] ?? 0) + auroc / seeds;
      }
    }
    const { calibrationRows, testedRows, pValues } = await alarmRun(all, seed);
    for (const alarmRate of ALARM_RATES) {
      // Fewer calibration rows can't give so small a p-value: nothing would be shown.
      if (alarmingRanks(alarmRate, calibrationRows) < 1) continue;
      const band = alarmCountBand({ testedRows, calibrationRows, alarmRate, coverage: COVERAGE });
      for (const model of [...MODEL_NAMES, COMBINED]) {
        const alarms = Array.from(pValues[model]!).filter((pValue) => pValue <= alarmRate).length;
        const isInside = alarms >= band.low && alarms <= band.high;
        result.alarms.push({ model, alarmRate, rate: alarms / testedRows, isInside, isAbove: alarms > band.high });
      }
    }
  }
  return result;
}

if (import.meta.main) await run();
