import type { Expectation, ShapRecord } from '@liminal/shared/contracts/explanation';
import { FEATURE_COUNT, PREDICTED_USER_LOAD } from '@liminal/shared/contracts/feature-vector';
import type { LoadedRelease } from '@liminal/shared/release/load-release';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { type Attribution, additivityGap } from '@liminal/shared/shapley/attribution';
import type { Background } from '@liminal/shared/shapley/background';
import { NotAForestError, readForest } from '@liminal/shared/shapley/forest-file';
import { shapleyValues } from '@liminal/shared/shapley/shapley-values';
import { InterventionalTreeShap } from '@liminal/shared/shapley/tree-shap-interventional';
import { PathDependentTreeShap } from '@liminal/shared/shapley/tree-shap-path-dependent';
import { spearman } from '@liminal/shared/statistics/rank-correlation';
import { CoalitionSums } from '../explain/coalition-sums.ts';
import { findCounterfactual } from '../explain/counterfactual.ts';
import { everyoneOf } from '../explain/expectations.ts';
import { DEFAULT_LIME, type LimeExplanation, limeExplanation } from '../explain/lime.ts';
import { TrainingDistribution } from '../explain/training-distribution.ts';
import { ACCOMPANIED, ExplainedValue, type ForestSums, servedValue } from './explained-value.ts';
import {
  COMBINED,
  ExplanationRefusedError,
  type ExplanationTask,
  type ScoredAnomaly,
  type VectorExplanation,
} from './explanation-task.ts';

/** Background rows of an explanation that somebody waits for: 1.3% of the shares lie elsewhere than with all (docs/explanations.md). */
const BACKGROUND_ROWS = 8;
/** And of those that go with anomalies, which must not slow the scoring: the most typical one, 2.2% elsewhere, in a sixth of the time. */
const BACKGROUND_ROWS_OF_ANOMALIES = 1;
/** Of what is sampled: the same vector has the same explanation. */
const SEED = 1;
const FOREST = 'isolation-forest';

interface Forest extends ForestSums {
  interventional: InterventionalTreeShap;
  /** Undefined where the file does not say how many training rows came through each node. */
  pathDependent: PathDependentTreeShap | undefined;
  /** Not observed → median. */
  withoutMissing: (row: Float32Array) => Float32Array;
}

/** A release that is open for explanations. Deterministic: the same vector has the same explanation. */
export class ReleaseExplainer {
  /** What each feature normally is for everybody. */
  readonly everyone: readonly Expectation['everyone'][];
  readonly #release: OpenRelease;
  readonly #background: Background;
  readonly #distribution: TrainingDistribution;
  readonly #forest: Forest | undefined;

  private constructor(release: OpenRelease, background: Float32Array, forest: Forest | undefined) {
    this.#release = release;
    this.#background = { values: background, rows: background.length / FEATURE_COUNT, columns: FEATURE_COUNT };
    this.#distribution = new TrainingDistribution(release.manifest.referenceProfile);
    this.everyone = everyoneOf(this.#distribution);
    this.#forest = forest;
  }

  /** Reading the trees takes tens of milliseconds: keep it off an event loop that others wait for. */
  static async open(loaded: LoadedRelease): Promise<ReleaseExplainer> {
    const forest = openForest(loaded);
    return new ReleaseExplainer(await OpenRelease.open(loaded), loaded.background, forest);
  }

  close(): Promise<void> {
    return this.#release.close();
  }

  async explain(task: ExplanationTask): Promise<VectorExplanation> {
    const { target, quantity, methods, alertRate } = task;
    const [scored] = await this.#release.score(task.inputs, 1);
    const inputs = task.inputs.slice();
    inputs[PREDICTED_USER_LOAD] = scored!.predictedLoad;
    const row = inputs.slice(0, FEATURE_COUNT);
    const value = new ExplainedValue(this.#release, target, { inputs, scores: scored!.scores }, this.#forest);
    const served = servedValue(scored!, target, quantity);
    if (Number.isNaN(served)) throw new ExplanationRefusedError('LIMINAL_ERR_EXPLANATION_NOT_APPLICABLE');
    const shap = methods.includes('shap') ? await this.#shap(task, row, value, served) : null;
    const lime = methods.includes('lime')
      ? await limeExplanation(
          row,
          this.#distribution,
          (rows, count) => value.evaluate(quantity, rows, count),
          DEFAULT_LIME,
        )
      : null;
    const counterfactual = methods.includes('counterfactual')
      ? { found: await this.#counterfactual(row, value, alertRate) }
      : null;
    const agreement = shap && lime && agreementOf(shap, lime);
    const { id, isProvisional } = this.#release;
    return {
      release: id,
      provisional: isProvisional,
      scored: scored!,
      value: served,
      shap,
      lime,
      agreement,
      counterfactual,
    };
  }

  /**
   * Shapley values of −log10 of the combined p-value for anomalies, from few background rows.
   * Each is given as it was scored.
   */
  async explainAnomalies(
    anomalies: readonly ScoredAnomaly[],
    backgroundRows = BACKGROUND_ROWS_OF_ANOMALIES,
  ): Promise<ShapRecord[]> {
    const explained: ShapRecord[] = [];
    for (const anomaly of anomalies) {
      const value = new ExplainedValue(this.#release, COMBINED, anomaly, this.#forest);
      const row = anomaly.inputs.slice(0, FEATURE_COUNT);
      explained.push(
        await this.#enumerated(
          row,
          value,
          'minus_log10_p',
          servedValue(anomaly, COMBINED, 'minus_log10_p'),
          backgroundRows,
        ),
      );
    }
    return explained;
  }

  async #shap(task: ExplanationTask, row: Float32Array, value: ExplainedValue, served: number): Promise<ShapRecord> {
    const { target, quantity, perturbation } = task;
    if (target !== FOREST || quantity !== 'log2_score' || this.#forest === undefined) {
      return this.#enumerated(row, value, quantity, served, BACKGROUND_ROWS);
    }
    const { interventional, pathDependent, withoutMissing } = this.#forest;
    const filled = withoutMissing(row);
    if (perturbation === 'path-dependent') {
      if (pathDependent === undefined) throw new ExplanationRefusedError('LIMINAL_ERR_EXPLANATION_NO_NODE_COUNTS');
      return toRecord(pathDependent.explain(filled), 'tree-path-dependent', quantity, served, 0);
    }
    const background = { ...this.#background, values: withoutMissing(this.#background.values) };
    const attribution = interventional.explain(filled, background);
    return toRecord(attribution, 'tree-interventional', quantity, served, background.rows);
  }

  async #enumerated(
    row: Float32Array,
    value: ExplainedValue,
    quantity: ShapRecord['quantity'],
    served: number,
    backgroundRows: number,
  ): Promise<ShapRecord> {
    const rows = Math.min(backgroundRows, this.#background.rows);
    const attribution = await shapleyValues(
      row,
      { ...this.#background, rows },
      (some, count) => value.evaluate(quantity, some, count),
      SEED,
      (coalitions) => value.evaluateCoalitions(quantity, coalitions),
      ACCOMPANIED,
    );
    const algorithm = attribution.standardErrors === null ? 'enumeration' : 'kernel-shap';
    return toRecord(attribution, algorithm, quantity, served, rows, attribution.standardErrors);
  }

  async #counterfactual(row: Float32Array, value: ExplainedValue, alertRate: number) {
    const [pValue] = await value.pValues(row, 1);
    if (pValue! > alertRate) return { changes: [], distance: 0, pValue: pValue! };
    return findCounterfactual(row, this.#distribution, (rows, count) => value.pValues(rows, count), alertRate);
  }
}

function toRecord(
  attribution: Attribution,
  algorithm: ShapRecord['algorithm'],
  quantity: ShapRecord['quantity'],
  value: number,
  backgroundRows: number,
  standardErrors: Float64Array | null = null,
): ShapRecord {
  const gap = additivityGap(attribution, value);
  const { baseValue, shapValues } = attribution;
  return { algorithm, quantity, baseValue, value, shapValues, standardErrors, gap, backgroundRows };
}

function agreementOf({ shapValues }: ShapRecord, { coefficients }: LimeExplanation): number | null {
  const agreement = spearman(shapValues, coefficients);
  return Number.isNaN(agreement) ? null : agreement;
}

/** Undefined for a release without a forest, or with one that is built in another way: it is then run like other models. */
function openForest({ manifest, files }: LoadedRelease): Forest | undefined {
  const model = manifest.models.find(({ name }) => name === FOREST);
  if (model === undefined) return undefined;
  try {
    const { trees, medians } = readForest(files.get(FOREST)!, model.outputs.score);
    const withoutMissing = (values: Float32Array): Float32Array =>
      values.map((value, index) => (Number.isNaN(value) ? medians[index % medians.length]! : value));
    const isCoverKnown = trees.roots.every((root) => trees.cover[root]! > 0);
    return {
      name: FOREST,
      withoutMissing,
      pathDependent: isCoverKnown ? new PathDependentTreeShap(trees) : undefined,
      sums: new CoalitionSums(trees, withoutMissing),
      interventional: new InterventionalTreeShap(trees),
    };
  } catch (error) {
    if (error instanceof NotAForestError) return undefined;
    throw error;
  }
}
