import { stat } from 'node:fs/promises';
import { Combination } from '@liminal/shared/calibration/combination';
import { decodeModel, NotOnnxError } from '@liminal/shared/onnx/decode-model';
import type { Matrix } from '../detectors/matrix.ts';
import { metadataOf } from '../onnx/model-metadata.ts';
import { ModelSession } from '../onnx/model-session.ts';
import { readBytes, readEnsemble } from './ensemble-file.ts';
import { ModelFileError } from './model-file-error.ts';
import { type TrainingFacts, trainingFacts } from './model-metadata.ts';

/** What one model, or their combination, says of rows. */
export interface ModelScores {
  /** Higher = more anomalous; of the combination −ln of the tail-extended p-value. */
  scores: Float32Array | Float64Array;
  pValues: Float32Array | Float64Array;
}

export const COMBINED = 'combined';

interface OpenModel {
  name: string;
  session: ModelSession;
}

/** A model file, or a directory of models that are combined, ready to score. Call `close` when done. */
export class Scorer {
  readonly facts: TrainingFacts;
  /** Names of what `score` returns, in its order: with several models the combination comes first. */
  readonly names: readonly string[];
  readonly #models: readonly OpenModel[];
  readonly #combination: Combination | undefined;

  private constructor(facts: TrainingFacts, models: readonly OpenModel[], combination: Combination | undefined) {
    this.facts = facts;
    this.#models = models;
    this.#combination = combination;
    const names = models.map(({ name }) => name);
    this.names = combination === undefined ? names : [COMBINED, ...names];
  }

  /** Throws `ModelFileError`. */
  static async open(path: string): Promise<Scorer> {
    const isDirectory = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
    if (!isDirectory) {
      const { facts, model } = await openModel(path, await readBytes(path));
      return new Scorer(facts, [model], undefined);
    }
    const { models, combination } = await readEnsemble(path);
    const opened = await Promise.all(models.map(({ path, bytes }) => openModel(path, bytes)));
    return new Scorer(
      opened[0]!.facts,
      opened.map(({ model }) => model),
      new Combination(combination),
    );
  }

  /** `rows`: raw, the columns of `facts.columns`, NaN = not observed. */
  async score(rows: Matrix, signal?: AbortSignal): Promise<ModelScores[]> {
    const single: ModelScores[] = [];
    for (const { session } of this.#models) single.push(await session.run(rows, signal));
    if (this.#combination === undefined) return single;
    const combined = { scores: new Float64Array(rows.rows), pValues: new Float64Array(rows.rows) };
    const scores = new Float32Array(single.length);
    for (let row = 0; row < rows.rows; row++) {
      for (const [model, of] of single.entries()) scores[model] = of.scores[row]!;
      const { pValue, tailPValue } = this.#combination.combine(scores);
      combined.pValues[row] = pValue;
      combined.scores[row] = -Math.log(tailPValue);
    }
    return [combined, ...single];
  }

  async close(): Promise<void> {
    for (const { session } of this.#models) await session.release();
  }
}

async function openModel(path: string, bytes: Uint8Array): Promise<{ facts: TrainingFacts; model: OpenModel }> {
  try {
    const { model: name, ...facts } = trainingFacts(path, metadataOf(decodeModel(bytes)));
    return { facts, model: { name, session: await ModelSession.open(bytes) } };
  } catch (error) {
    if (!(error instanceof NotOnnxError)) throw error;
    throw new ModelFileError(`${path} is not an ONNX model; give one that kenning train has made`, { cause: error });
  }
}
