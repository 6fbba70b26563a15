import { setImmediate } from 'node:timers/promises';
import type { ModelName } from '../contracts/prediction.ts';
import { type CalibratedModel, CombinedCalibration, type CombinedPValue } from './combined-calibration.ts';
import { rankingSteps } from './ranking.ts';

/** What a release keeps to combine the scores of its models. Numbers only, so that it can cross a process. */
export interface CombinationData {
  models: readonly ModelName[];
  /** One a model, see `tailScale`. */
  tailScales: Float32Array;
  /** One model after the other, the scores of all calibration rows; NaN where the model does not apply to the row. */
  scores: Float32Array;
}

/** Fewer rows to which exactly the same models apply are not ranked among themselves: p = 0.005 would be out of reach. */
const FEWEST_ROWS_ALIKE = 199;

/** Combines the scores of the models that apply to a row; the others are left out. */
export class Combination {
  readonly models: readonly ModelName[];
  readonly rows: number;
  readonly #data: CombinationData;
  /** Of each calibration row the models (bits) that apply to it. */
  readonly #patterns: Uint32Array;
  /** Bits of the models that apply → ranks among the calibration rows to which they apply too. */
  readonly #calibrations = new Map<number, CombinedCalibration>();

  constructor(data: CombinationData) {
    this.#data = data;
    this.models = data.models;
    this.rows = data.scores.length / data.models.length;
    this.#patterns = patternsOf(data, this.rows);
  }

  /**
   * `scores`: one a model, in the order of `models`; NaN where a model does not apply.
   *
   * A row is ranked among calibration rows to which the same models apply: users without a load history are compared with
   * their like. Where those are few, among all to which at least these models apply, by these models alone.
   */
  combine(scores: ArrayLike<number>): CombinedPValue {
    let applying = 0;
    const applicable: number[] = [];
    for (let model = 0; model < this.models.length; model++) {
      if (Number.isNaN(scores[model])) continue;
      applying |= 1 << model;
      applicable.push(scores[model]!);
    }
    let calibration = this.#calibrations.get(applying);
    if (calibration === undefined) {
      calibration = new CombinedCalibration(this.#calibratedModels(applying));
      this.#calibrations.set(applying, calibration);
    }
    return calibration.combine(applicable);
  }

  /**
   * Ranks the calibration rows for every set of models that applies to some of them, letting the event loop turn on the
   * way: with 10,000 rows it takes some 10 ms, which the first row to `combine` would have to wait for otherwise.
   */
  async prepare(): Promise<void> {
    for (const applying of new Set(this.#patterns)) {
      const models = this.#calibratedModels(applying);
      const steps = rankingSteps(models.map(({ scores }) => scores));
      for (;;) {
        await setImmediate();
        const step = steps.next();
        if (!step.done) continue;
        this.#calibrations.set(applying, new CombinedCalibration(models, step.value));
        break;
      }
    }
  }

  #calibratedModels(applying: number): CalibratedModel[] {
    const rows = this.#rowsToRankAmong(applying);
    return this.models.flatMap((_, model) => {
      if ((applying & (1 << model)) === 0) return [];
      const ofAll = this.#data.scores.subarray(model * this.rows, (model + 1) * this.rows);
      const scores = new Float32Array(rows.length);
      for (let index = 0; index < rows.length; index++) scores[index] = ofAll[rows[index]!]!;
      return [{ scores, tailScale: this.#data.tailScales[model]! }];
    });
  }

  #rowsToRankAmong(applying: number): Uint32Array {
    const alike = new Uint32Array(this.rows);
    const comparable = new Uint32Array(this.rows);
    let alikeCount = 0;
    let comparableCount = 0;
    for (let row = 0; row < this.rows; row++) {
      const pattern = this.#patterns[row]!;
      if (pattern === applying) alike[alikeCount++] = row;
      if ((pattern & applying) === applying) comparable[comparableCount++] = row;
    }
    return alikeCount >= FEWEST_ROWS_ALIKE ? alike.subarray(0, alikeCount) : comparable.subarray(0, comparableCount);
  }
}

/** Of each calibration row the models (bits) that apply to it. */
function patternsOf({ models, scores }: CombinationData, rows: number): Uint32Array {
  const patterns = new Uint32Array(rows);
  for (let model = 0; model < models.length; model++) {
    for (let row = 0; row < rows; row++) {
      if (!Number.isNaN(scores[model * rows + row]!)) patterns[row]! |= 1 << model;
    }
  }
  return patterns;
}
