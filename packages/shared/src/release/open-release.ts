import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Combination } from '../calibration/combination.ts';
import { VECTOR_LENGTH } from '../contracts/feature-vector.ts';
import type { ModelName } from '../contracts/prediction.ts';
import type { ModelScore } from '../contracts/prediction-batch.ts';
import type { ReleasedModel, ReleaseManifest } from '../contracts/release.ts';
import type { LoadedRelease } from './load-release.ts';

/** What a release says of one vector. */
export interface ScoredVector {
  /** Of the models that apply to the vector. */
  scores: Partial<Record<ModelName, ModelScore>>;
  /** The combined p-value; 1 where no model applies. */
  pValue: number;
}

interface OpenModel {
  model: ReleasedModel;
  session: InferenceSession;
}

/** One row a vector; NaN where the model does not apply. */
interface ModelOutput {
  scores: Float32Array;
  pValues: Float32Array;
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
      await release.score(new Float32Array(VECTOR_LENGTH), 1);
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
   * `vectors`: row-major float32 [rows, `VECTOR_LENGTH`], NaN = not observed.
   *
   * Each model takes its turn in the event loop and keeps it for the length of its run: callers keep the batches small.
   * A score that is no number, which no model should give, counts as a model that does not apply.
   */
  async score(vectors: Float32Array, rows: number): Promise<ScoredVector[]> {
    if (this.#isClosed) throw new Error(`release ${this.id} is closed`);
    const scoring = this.#score(vectors, rows);
    this.#running.add(scoring);
    try {
      return await scoring;
    } finally {
      this.#running.delete(scoring);
    }
  }

  /** Gives the memory back once the runs under way are done. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.allSettled(this.#running);
    for (const { session } of this.#models) await session.release();
  }

  async #score(vectors: Float32Array, rows: number): Promise<ScoredVector[]> {
    const outputs = new Map<ModelName, ModelOutput>();
    for (const open of this.#models) outputs.set(open.model.name, await runModel(open, vectors, rows));
    const scored = Array.from({ length: rows }, (): ScoredVector => ({ scores: {}, pValue: 1 }));
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
      for (const result of scored) result.pValue = result.scores[combination.model]?.pValue ?? 1;
      return;
    }
    const columns = combination.models.map((name) => outputs.get(name)!.scores);
    const scores = new Float32Array(columns.length);
    for (const [row, result] of scored.entries()) {
      for (let model = 0; model < columns.length; model++) scores[model] = columns[model]![row]!;
      result.pValue = this.#combination!.combine(scores).pValue;
    }
  }
}

async function runModel({ model, session }: OpenModel, vectors: Float32Array, rows: number): Promise<ModelOutput> {
  const applicable = applicableRows(model, vectors, rows);
  const scores = new Float32Array(rows).fill(Number.NaN);
  const pValues = new Float32Array(rows).fill(Number.NaN);
  if (applicable.length === 0) return { scores, pValues };
  const { offset, length } = model.input;
  const input = new Float32Array(applicable.length * length);
  for (const [place, row] of applicable.entries()) {
    const start = row * VECTOR_LENGTH + offset;
    input.set(vectors.subarray(start, start + length), place * length);
  }
  const feeds = { [model.input.name]: new Tensor('float32', input, [applicable.length, length]) };
  const outputs = await session.run(feeds, [model.outputs.score, model.outputs.pValue]);
  const modelScores = outputs[model.outputs.score]!.data as Float32Array;
  const modelPValues = outputs[model.outputs.pValue]!.data as Float32Array;
  for (const [place, row] of applicable.entries()) {
    scores[row] = modelScores[place]!;
    pValues[row] = modelPValues[place]!;
  }
  return { scores, pValues };
}

function applicableRows({ appliesTo, input }: ReleasedModel, vectors: Float32Array, rows: number): number[] {
  const applicable: number[] = [];
  for (let row = 0; row < rows; row++) {
    const start = row * VECTOR_LENGTH + input.offset;
    if (appliesTo === 'every-vector' || isComplete(vectors, start, start + input.length)) applicable.push(row);
  }
  return applicable;
}

function isComplete(values: Float32Array, start: number, end: number): boolean {
  for (let index = start; index < end; index++) if (Number.isNaN(values[index])) return false;
  return true;
}
