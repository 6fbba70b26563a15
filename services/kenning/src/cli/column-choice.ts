import type { TrainingFacts } from './model-metadata.ts';
import { type ColumnChoice, TableError, type TableFile } from './table.ts';

/** Columns to train on: all but the label and those that are excluded. Throws `TableError` for names that don't exist. */
export function trainingColumns(
  { path, columns }: TableFile,
  { label, exclude }: { label: string | undefined; exclude: readonly string[] },
): string[] {
  const leftOut = label === undefined ? exclude : [...exclude, label];
  for (const name of leftOut) assertColumn(path, columns, name);
  const features = columns.filter((name) => !leftOut.includes(name));
  if (features.length === 0) throw new TableError(`${path} has no column left to train on`);
  assertNamed(path, features);
  return features;
}

/**
 * The columns that a model takes, wherever they stand in the file. Throws `TableError` where one is missing, or where there
 * are others than the training left out or the call excludes.
 */
export function modelColumns(
  { path, columns }: TableFile,
  facts: TrainingFacts,
  { label, exclude }: { label?: string | undefined; exclude: readonly string[] },
): ColumnChoice {
  if (label !== undefined) assertColumn(path, columns, label);
  const missing = facts.columns.filter((name) => !columns.includes(name));
  const known = new Set([...facts.columns, ...facts.excludedColumns, ...exclude, facts.labelColumn, label]);
  const unknown = columns.filter((name) => !known.has(name));
  const faults = [
    missing.length > 0 && `lacks ${listed(missing)}, which the model takes`,
    unknown.length > 0 &&
      `has ${listed(unknown)}, which the model does not know; to leave out such columns, say --exclude ${unknown.join(',')}`,
  ].filter((fault) => fault !== false);
  if (faults.length > 0) throw new TableError(`${path} ${faults.join(', and ')}`);
  if (label !== undefined && facts.columns.includes(label)) {
    throw new TableError(`${path}: the model was trained on column "${label}", so it can't be the label`);
  }
  return { features: facts.columns, label };
}

function assertColumn(path: string, columns: readonly string[], name: string): void {
  if (columns.includes(name)) return;
  throw new TableError(`${path} has no column "${name}"; it has ${listed(columns)}`);
}

/** A nameless column is an index that was written with the data, and no model should learn from it unasked. */
function assertNamed(path: string, features: readonly string[]): void {
  const nameless = features.find((name) => /^unnamed_\d+$/.test(name));
  if (nameless === undefined) return;
  const advice = `leave it out with --exclude ${nameless}, or give it a name`;
  throw new TableError(`${path}: a column has no name, as when pandas writes its index; ${advice}`);
}

const MOST_LISTED = 20;

function listed(names: readonly string[]): string {
  const quoted = names.slice(0, MOST_LISTED).map((name) => `"${name}"`);
  if (names.length > MOST_LISTED) quoted.push(`${names.length - MOST_LISTED} more`);
  return quoted.join(', ');
}
