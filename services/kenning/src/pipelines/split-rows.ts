import type { Random } from '@liminal/shared/runtime/random';
import { type Matrix, takeRows } from '../detectors/matrix.ts';
import { independentRows } from './reference-rows.ts';
import type { SplitRows } from './train-detector.ts';

/** Rows to train on. */
export interface TrainingRows extends Matrix {
  /**
   * Group of each row, such as its user: rows of one group resemble each other, so that calibration rows whose group was
   * fitted too would look more typical than rows of anybody new. Each row is a group of its own unless given.
   */
  readonly groups?: Int32Array;
  /** The longest interval, in ms, that the rows can tell of, see `longestInterval`; any unless given. */
  readonly longestIntervalMs?: number | undefined;
}

export interface SplitOptions {
  /**
   * Share of the rows, drawn at random, that is kept out of the fit for calibration, in (0, 1). Of few rows it is more, up
   * to half of them, so that an alarm rate of 1% is within reach.
   */
  calibrationShare: number;
  /**
   * More calibration rows than this sharpen nothing and only grow the files. Without groups the rest joins the fit; with
   * them it is left out, so that the rows that calibrate are of as many groups.
   */
  maxCalibrationRows: number;
}

/** p-values are multiples of 1/(n + 1): fewer can't give 0.01. */
const FEWEST_CALIBRATION_ROWS = 99;

/**
 * Splits rows (at least two) into those of the fit and those of the calibration, whole groups where that leaves both
 * their rows: with one or two users, or one that makes most of the rows, single rows are drawn.
 */
export function splitRows(rows: TrainingRows, options: SplitOptions, random: Random): SplitRows {
  const { calibrationShare, maxCalibrationRows } = options;
  const fewest = Math.min(FEWEST_CALIBRATION_ROWS, Math.floor(rows.rows / 2));
  const wanted = Math.max(Math.round(calibrationShare * rows.rows), fewest, 1);
  const heldOut = Math.min(wanted, rows.rows - 1);
  const count = Math.min(heldOut, maxCalibrationRows);
  return (rows.groups && splitByGroup(rows, rows.groups, heldOut, count, random)) ?? splitByRow(rows, count, random);
}

function splitByRow(rows: TrainingRows, count: number, random: Random): SplitRows {
  const shuffled = random.sample(rows.rows, rows.rows);
  const calibration = shuffled.subarray(0, count);
  return {
    calibration: takeRows(rows, calibration),
    training: takeRows(rows, shuffled.subarray(count)),
    independentCalibrationRows: worthOf(rows, calibration),
  };
}

/**
 * Groups with `heldOut` rows are kept out of the fit, and `count` of these calibrate: a long archive of few users would
 * be calibrated by a handful of them otherwise. Undefined where groups can't give these rows without taking more than half of them all.
 */
function splitByGroup(
  rows: TrainingRows,
  groups: Int32Array,
  heldOut: number,
  count: number,
  random: Random,
): SplitRows | undefined {
  const members = Map.groupBy(groups.keys(), (row) => groups[row]!);
  const inGroups = [...members.values()];
  const calibration: number[] = [];
  const training: number[] = [];
  for (const index of random.sample(inGroups.length, inGroups.length)) {
    const group = inGroups[index]!;
    const isTaken = calibration.length < heldOut && calibration.length + group.length <= rows.rows / 2;
    (isTaken ? calibration : training).push(...group);
  }
  if (calibration.length < heldOut) return undefined;
  // More rows than wanted, if only by the last group: of all of them, so many are drawn.
  const drawn = random.sample(calibration.length, count).map((index) => calibration[index]!);
  return {
    calibration: takeRows(rows, drawn),
    training: takeRows(rows, Int32Array.from(training)),
    independentCalibrationRows: worthOf(rows, drawn),
  };
}

function worthOf({ groups }: TrainingRows, rows: Int32Array | readonly number[]): number {
  return groups === undefined ? rows.length : independentRows(Array.from(rows, (row) => groups[row]!));
}
