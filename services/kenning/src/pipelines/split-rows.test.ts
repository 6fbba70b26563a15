import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { createMatrix } from '../detectors/matrix.ts';
import { splitRows } from './split-rows.ts';

const OPTIONS = { calibrationShare: 0.3, maxCalibrationRows: 10_000 };

/** One column that holds the number of the row. */
const numbered = (rows: number) =>
  createMatrix(
    Float32Array.from({ length: rows }, (_, row) => row),
    1,
  );

const split = (groups: Int32Array | undefined, rows: number, options = OPTIONS) => {
  const { calibration, training } = splitRows({ ...numbered(rows), ...(groups && { groups }) }, options, new Random(3));
  return { calibration: [...calibration.values], training: [...training.values] };
};

describe('splitting rows into fit and calibration', () => {
  it('draws single rows where they have no groups: each goes to one side', () => {
    const { calibration, training } = split(undefined, 1_000);
    expect(calibration).toHaveLength(300);
    expect([...calibration, ...training].sort((a, b) => a - b)).toEqual([...numbered(1_000).values]);
  });

  it('keeps groups whole: no group is in both', () => {
    const random = new Random(5);
    const groups = Int32Array.from({ length: 2_000 }, () => Math.floor(200 * random.next() ** 2));
    const { calibration, training } = split(groups, 2_000);
    expect(calibration).toHaveLength(600);
    expect(new Set([...calibration, ...training]).size).toBe(calibration.length + training.length);
    const groupsOf = (rows: number[]) => new Set(rows.map((row) => groups[row]!));
    expect(groupsOf(calibration).isDisjointFrom(groupsOf(training))).toBe(true);
    // What the last group brought too much of is left out.
    expect(training.length).toBeGreaterThan(1_300);
    expect(split(groups, 2_000)).toEqual({ calibration, training });
  });

  it('calibrates with rows of as many groups, however few of the rows it needs', () => {
    const groups = Int32Array.from({ length: 2_000 }, (_, row) => row % 100);
    const { calibration, training } = split(groups, 2_000, { ...OPTIONS, maxCalibrationRows: 120 });
    expect(calibration).toHaveLength(120);
    expect(training).toHaveLength(1_400);
    const calibrating = new Set(calibration.map((row) => groups[row]!));
    expect(calibrating.size).toBeGreaterThan(25);
    expect(training.some((row) => calibrating.has(groups[row]!))).toBe(false);
  });

  it('keeps a group that makes more than half of the rows in the fit', () => {
    const groups = Int32Array.from({ length: 1_000 }, (_, row) => Math.max(0, row - 600));
    const { calibration, training } = split(groups, 1_000);
    expect(calibration).toHaveLength(300);
    expect(training.filter((row) => row <= 600)).toHaveLength(601);
  });

  it.each([
    ['one group', () => 0],
    ['a group that leaves too few rows beside it', (row: number) => Math.max(0, row - 900)],
  ])('draws single rows where groups are of no use: %s', (_, groupOf) => {
    const groups = Int32Array.from({ length: 1_000 }, (_, row) => groupOf(row));
    const { calibration, training } = split(groups, 1_000);
    expect([calibration.length, training.length]).toEqual([300, 700]);
  });

  it('takes more of few rows for calibration, at most half, and never all', () => {
    expect(split(undefined, 200).calibration).toHaveLength(99);
    expect(split(undefined, 20).calibration).toHaveLength(10);
    expect(split(undefined, 2)).toMatchObject({ calibration: { length: 1 }, training: { length: 1 } });
    expect(split(undefined, 1_000, { ...OPTIONS, maxCalibrationRows: 120 }).calibration).toHaveLength(120);
  });
});
