/** Texts that mean: not observed. */
const MISSING = new Set(['', 'na', 'n/a', 'nan', 'null', 'none']);
const BOOLEANS: Readonly<Record<string, number>> = { true: 1, false: 0 };
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const FLOAT32_MAX = 3.4028234663852886e38;

/** What is wrong with a cell, in words that follow its place. */
export interface CellFault {
  fault: string;
  /** The column as a whole seems to hold something else than numbers. */
  isText: boolean;
}

/** The number of a text: NaN = not observed. */
export function numberOfText(text: string, decimal: 'point' | 'comma'): number | CellFault {
  const trimmed = text.trim();
  if (decimal === 'comma') {
    if (trimmed.includes('.')) return fault(`"${shortened(text)}" has a point, though --decimal says comma`);
    return numberOfPlainText(trimmed.replace(',', '.'), text);
  }
  if (/^[+-]?\d+,\d+$/.test(trimmed)) {
    return fault(`"${trimmed}" is not a number; if its comma is a decimal comma, say --decimal comma`);
  }
  return numberOfPlainText(trimmed, text);
}

/** The number of a value of a Parquet file: NaN = not observed. */
export function numberOfValue(value: unknown): number | CellFault {
  if (typeof value === 'number') return checked(value);
  if (value === null || value === undefined) return Number.NaN;
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  return { fault: `"${shortened(String(value))}" is not a number`, isText: true };
}

/** A label from its number. */
export function labelOf(value: number | CellFault): 0 | 1 | CellFault {
  if (value === 0 || value === 1) return value;
  return fault('a label must be 0 (normal) or 1 (anomaly)');
}

function numberOfPlainText(trimmed: string, text: string): number | CellFault {
  if (NUMBER.test(trimmed)) return checked(Number(trimmed));
  const lower = trimmed.toLowerCase();
  if (MISSING.has(lower)) return Number.NaN;
  return BOOLEANS[lower] ?? { fault: `"${shortened(text)}" is not a number`, isText: true };
}

/** Models take float32: beyond it a value would be infinite, which none of them can be fitted on. */
function checked(value: number): number | CellFault {
  // A NaN of its own, since a file may hold others, and equal rows must have equal bytes.
  if (Number.isNaN(value)) return Number.NaN;
  return Math.abs(value) <= FLOAT32_MAX ? value : fault(`${value} is too large for float32 (3.4e38 at most)`);
}

const fault = (words: string): CellFault => ({ fault: words, isText: false });
const shortened = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text);
