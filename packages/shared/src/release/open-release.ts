import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Combination } from '../calibration/combination.ts';
import { FEATURE_COUNT, PREDICTED_USER_LOAD, VECTOR_LENGTH } from '../contracts/feature-vector.ts';
import type { LoadForecast } from '../contracts/load-forecast.ts';
import { MODEL_INPUT_LENGTH } from '../contracts/model-input.ts';
import type { ModelName } from '../contracts/prediction.ts';
import type { ModelScore } from '../contracts/prediction-batch.ts';
import type { ReleasedModel, ReleaseManifest } from '../contracts/release.ts';
import { ewmaForecast } from '../features/load-forecast.ts';
import type { LoadedRelease } from './load-release.ts';

/** What a release says of one vector. */
export interface ScoredVector {
  /** Of the models that apply to the vector. */
  scores: Partial<Record<ModelName, ModelScore>>;
  /** The combined p-value; 1 where no model applies. */
  pValue: number;
  /** What the combined p-value of this vector could have been at least: a rate below it would never alarm. */
  smallestPValue: number;
  /** Of the minute of the vector; null where no minute of the load history was observed. */
  forecast: LoadForecast | null;
  /** The `predicted_user_load` that the models were given: the forecast, unless the vector brought its own. */
  predictedLoad: number;
}

interface OpenModel {
  model: ReleasedModel;
  session: InferenceSession;
}

/** One row a vector; NaN where the model does not apply. */
export interface ModelOutput {
  scores: Float32Array;
  pValues: Float32Array;
  /** Of the model that forecasts. */
  forecast: Record<'load' | 'lower' | 'upper', Float32Array> | undefined;
}

/**
 * More threads than one cost more than they bring on models of this size. An arena of its own for each session makes no run
 * faster here, and what it leaves behind grew the process from 200 to 640 MB over 400 swaps.
 */
const SESSION_OPTIONS = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  enableCpuMemArena: false,
} as const;

/** A verified release whose models are open in ONNX Runtime. Close it when done: its memory is not garbage-collected. */
export class OpenRelease {
  readonly manifest: ReleaseManifest;
  readonly #models: readonly OpenModel[];
  readonly #combination: Combination | null;
  readonly #running = new Set<Promise<unknown>>();
  #isClosed = false;

  private constructor(manifest: ReleaseManifest, models: readonly OpenModel[], combination: Combination | null) {
    this.manifest = manifest;
    this.#models = models;
    this.#combination = combination;
  }

  /**
   * Opens every model and scores once: the first run allocates, better now than while somebody waits, and proves inputs
   * and outputs. What was opened is given back when one of them fails.
   */
  static async open({ manifest, files, combination }: LoadedRelease): Promise<OpenRelease> {
    const models: OpenModel[] = [];
    try {
      for (const model of manifest.models) {
        models.push({ model, session: await InferenceSession.create(files.get(model.name)!, SESSION_OPTIONS) });
      }
      const combined = combination && new Combination(combination);
      await combined?.prepare();
      const release = new OpenRelease(manifest, models, combined);
      await release.score(new Float32Array(MODEL_INPUT_LENGTH), 1);
      return release;
    } catch (error) {
      for (const { session } of models) await session.release();
      throw error;
    }
  }

  get id(): string {
    return this.manifest.id;
  }

  get isProvisional(): boolean {
    return this.manifest.provisional;
  }

  /**
   * `vectors`: row-major float32 [rows, `MODEL_INPUT_LENGTH`], NaN = not observed; see `modelInputs`. Where one has no
   * `predicted_user_load`, the model that forecasts runs first and fills it in, so that the others are given what they were
   * trained on; a moving average does for users without a whole history, or where the release has no such model.
   *
   * Each model takes its turn in the event loop and keeps it for the length of its run: callers keep the batches small.
   * A score that is no number, which no model should give, counts as a model that does not apply.
   */
  async score(vectors: Float32Array, rows: number): Promise<ScoredVector[]> {
    return this.#whileOpen(() => this.#score(vectors, rows));
  }

  /**
   * What one model says of rows as they are, nothing filled in. `inputs`: row-major float32 [rows, length of its input], the
   * values that the model takes alone. Without `pValues` these are not computed.
   */
  async run(name: ModelName, inputs: Float32Array, rows: number, wanted = { pValues: true }): Promise<ModelOutput> {
    const open = this.#models.find(({ model }) => model.name === name);
    if (open === undefined) throw new RangeError(`release ${this.id} has no model ${name}`);
    return this.#whileOpen(() => runInputs(open, inputs, rows, wanted));
  }

  /** Combined p-value of one row of the combination `minimum-p`: scores in the order of its models, NaN = does not apply. */
  combine(scores: ArrayLike<number>): number {
    return this.#combination!.combine(scores).pValue;
  }

  /** Gives the memory back once the runs under way are done. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.allSettled(this.#running);
    for (const { session } of this.#models) await session.release();
  }

  async #whileOpen<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw new Error(`release ${this.id} is closed`);
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #score(vectors: Float32Array, rows: number): Promise<ScoredVector[]> {
    const outputs = new Map<ModelName, ModelOutput>();
    const forecaster = this.#models.find(({ model }) => model.outputs.forecast !== undefined);
    if (forecaster !== undefined) outputs.set(forecaster.model.name, await runModel(forecaster, vectors, rows));
    const forecasts = forecaster && outputs.get(forecaster.model.name)!.forecast;
    const filled = vectors.slice();
    const scored = Array.from({ length: rows }, (_, row): ScoredVector => {
      const start = row * MODEL_INPUT_LENGTH;
      const forecast = forecastOf(forecasts, row, vectors.subarray(start + FEATURE_COUNT, start + VECTOR_LENGTH));
      const place = start + PREDICTED_USER_LOAD;
      if (Number.isNaN(filled[place])) filled[place] = forecast?.load ?? Number.NaN;
      return { scores: {}, pValue: 1, smallestPValue: 1, forecast, predictedLoad: filled[place]! };
    });
    for (const open of this.#models) {
      if (open !== forecaster) outputs.set(open.model.name, await runModel(open, filled, rows));
    }
    for (const [name, { scores, pValues }] of outputs) {
      for (const [row, { scores: byModel }] of scored.entries()) {
        if (!Number.isNaN(scores[row])) byModel[name] = { score: scores[row]!, pValue: pValues[row]! };
      }
    }
    this.#combine(scored, outputs);
    return scored;
  }

  #combine(scored: readonly ScoredVector[], outputs: ReadonlyMap<ModelName, ModelOutput>): void {
    const { combination } = this.manifest;
    if (combination.method === 'single') {
      const smallest = 1 / (this.manifest.calibration.rows + 1);
      for (const result of scored) {
        result.pValue = result.scores[combination.model]?.pValue ?? 1;
        result.smallestPValue = smallest;
      }
      return;
    }
    const columns = combination.models.map((name) => outputs.get(name)!.scores);
    const scores = new Float32Array(columns.length);
    for (const [row, result] of scored.entries()) {
      for (let model = 0; model < columns.length; model++) scores[model] = columns[model]![row]!;
      const { pValue, smallestPValue } = this.#combination!.combine(scores);
      result.pValue = pValue;
      result.smallestPValue = smallestPValue;
    }
  }
}

/** `vectors`: as `score` takes them. */
function runModel(open: OpenModel, vectors: Float32Array, rows: number): Promise<ModelOutput> {
  const { offset, length } = open.model.input;
  const inputs = new Float32Array(rows * length);
  for (let row = 0; row < rows; row++) {
    const start = row * MODEL_INPUT_LENGTH + offset;
    inputs.set(vectors.subarray(start, start + length), row * length);
  }
  return runInputs(open, inputs, rows, { pValues: true });
}

/** `inputs`: row-major [rows, length of the input of the model]. */
async function runInputs(
  { model, session }: OpenModel,
  inputs: Float32Array,
  rows: number,
  wanted: { pValues: boolean },
): Promise<ModelOutput> {
  const { name, length } = model.input;
  const { score, pValue, forecast: forecastNames } = model.outputs;
  const notApplicable = (): Float32Array => new Float32Array(rows).fill(Number.NaN);
  const result: ModelOutput = {
    scores: notApplicable(),
    pValues: notApplicable(),
    forecast: forecastNames && { load: notApplicable(), lower: notApplicable(), upper: notApplicable() },
  };
  const applicable = applicableRows(model, inputs, rows);
  if (applicable.length === 0) return result;
  const columns: [name: string, column: Float32Array][] = [[score, result.scores]];
  if (wanted.pValues) columns.push([pValue, result.pValues]);
  for (const what of ['load', 'lower', 'upper'] as const) {
    if (forecastNames !== undefined) columns.push([forecastNames[what], result.forecast![what]]);
  }
  const isWhole = applicable.length === rows;
  const taken = isWhole ? inputs : rowsOf(inputs, length, applicable);
  const feeds = { [name]: new Tensor('float32', taken, [applicable.length, length]) };
  const outputs = await session.run(
    feeds,
    columns.map(([output]) => output),
  );
  for (const [output, column] of columns) {
    const values = outputs[output]!.data as Float32Array;
    if (isWhole) column.set(values);
    else for (const [place, row] of applicable.entries()) column[row] = values[place]!;
  }
  return result;
}

function rowsOf(inputs: Float32Array, length: number, rows: readonly number[]): Float32Array {
  const taken = new Float32Array(rows.length * length);
  for (const [place, row] of rows.entries())
    taken.set(inputs.subarray(row * length, (row + 1) * length), place * length);
  return taken;
}

function forecastOf(forecasts: ModelOutput['forecast'], row: number, loadHistory: Float32Array): LoadForecast | null {
  const load = forecasts?.load[row] ?? Number.NaN;
  if (!Number.isNaN(load)) {
    return { forecaster: 'lstm', load, lower: forecasts!.lower[row]!, upper: forecasts!.upper[row]! };
  }
  const average = Math.fround(ewmaForecast(loadHistory));
  if (Number.isNaN(average)) return null;
  return { forecaster: 'ewma', load: average, lower: Number.NaN, upper: Number.NaN };
}

function applicableRows({ appliesTo, input }: ReleasedModel, inputs: Float32Array, rows: number): number[] {
  const applicable: number[] = [];
  for (let row = 0; row < rows; row++) {
    const start = row * input.length;
    if (appliesTo === 'every-vector' || isComplete(inputs, start, start + input.length)) applicable.push(row);
  }
  return applicable;
}

function isComplete(values: Float32Array, start: number, end: number): boolean {
  for (let index = start; index < end; index++) if (Number.isNaN(values[index])) return false;
  return true;
}
