import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A series of the Numenta Anomaly Benchmark with its labels. */
export interface NabSeries {
  /** Path below `data/`, as the labels name it. */
  name: string;
  values: Float64Array;
  /** Rows at the start that are not scored: time to get acquainted. */
  probation: number;
  /** Label windows as [first row, last row], in order of time. */
  windows: readonly (readonly [number, number])[];
}

export interface NabProfile {
  name: string;
  tpWeight: number;
  fpWeight: number;
  fnWeight: number;
}

const PROBATION_SHARE = 0.15;
const PROBATION_ROWS = 5_000;

/** The series of a directory with NAB's layout that are there, in order of their names. */
export function readSeries(directory: string): NabSeries[] {
  const labels = JSON.parse(readFileSync(join(directory, 'combined_windows.json'), 'utf8')) as LabelFile;
  return Object.keys(labels)
    .sort()
    .filter((name) => existsSync(join(directory, 'data', name)))
    .map((name) => readOne(name, readFileSync(join(directory, 'data', name), 'utf8'), labels[name]!));
}

type LabelFile = Record<string, [start: string, end: string][]>;

function readOne(name: string, text: string, labels: LabelFile[string]): NabSeries {
  const lines = text.trim().split(/\r?\n/).slice(1);
  const rows = new Map<string, number>();
  const values = Float64Array.from(lines, (line, row) => {
    const [time, value] = line.split(',');
    // The first of several rows of one time, as the sweep of the benchmark finds it.
    if (!rows.has(time!)) rows.set(time!, row);
    return Number(value);
  });
  const rowOf = (time: string): number => {
    const row = rows.get(time.replace(/\.0+$/, ''));
    if (row === undefined) throw new Error(`${name} has no row at ${time}, where a label window begins or ends`);
    return row;
  };
  return {
    name,
    values,
    probation: Math.floor(PROBATION_SHARE * Math.min(lines.length, PROBATION_ROWS)),
    windows: labels.map(([start, end]) => [rowOf(start), rowOf(end)] as const),
  };
}

/** The weights of the profiles, in the order of the file. */
export function readProfiles(directory: string): NabProfile[] {
  const profiles = JSON.parse(readFileSync(join(directory, 'profiles.json'), 'utf8')) as Record<
    string,
    { CostMatrix: Omit<NabProfile, 'name'> }
  >;
  return Object.entries(profiles).map(([name, { CostMatrix }]) => ({ name, ...CostMatrix }));
}
