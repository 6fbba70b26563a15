import type { ModelName } from '../contracts/prediction.ts';
import { CombinedCalibration, type CombinedPValue } from './combined-calibration.ts';

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
  /** Bits of the models that apply → ranks among the calibration rows to which they apply too. */
  readonly #calibrations = new Map<number, CombinedCalibration>();

  constructor(data: CombinationData) {
    this.#data = data;
    this.models = data.models;
    this.rows = data.scores.length / data.models.length;
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
      calibration = this.#calibrationFor(applying);
      this.#calibrations.set(applying, calibration);
    }
    return calibration.combine(applicable);
  }

  #calibrationFor(applying: number): CombinedCalibration {
    const alike: number[] = [];
    const comparable: number[] = [];
    for (let row = 0; row < this.rows; row++) {
      const pattern = this.#modelsApplyingTo(row);
      if (pattern === applying) alike.push(row);
      if ((pattern & applying) === applying) comparable.push(row);
    }
    const rows = alike.length >= FEWEST_ROWS_ALIKE ? alike : comparable;
    const models = this.models.flatMap((_, model) => {
      if ((applying & (1 << model)) === 0) return [];
      const scores = Float32Array.from(rows, (row) => this.#scoreOf(model, row));
      return [{ scores, tailScale: this.#data.tailScales[model]! }];
    });
    return new CombinedCalibration(models);
  }

  #modelsApplyingTo(row: number): number {
    let pattern = 0;
    for (let model = 0; model < this.models.length; model++) {
      if (!Number.isNaN(this.#scoreOf(model, row))) pattern |= 1 << model;
    }
    return pattern;
  }

  #scoreOf(model: number, row: number): number {
    return this.#data.scores[model * this.rows + row]!;
  }
}
