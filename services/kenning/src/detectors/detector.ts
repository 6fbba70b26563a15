import type { ModelName } from '@liminal/shared/contracts/prediction';
import type { Matrix } from './matrix.ts';

export interface FitContext {
  /** Same rows, options and seed: the same fitted values, bit for bit. */
  seed: number;
  /** Called with the share that is done, in [0, 1], never falling. */
  onProgress?: ((share: number) => void) | undefined;
  /** Looked at between steps of some 10 ms; the fit then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/**
 * An unsupervised anomaly detector. Options say what to fit, fitted values are all that scoring needs; the two never mix,
 * and neither holds a function, so that both can cross a thread.
 */
export interface Detector<Options, Fitted> {
  readonly name: ModelName;
  readonly defaultOptions: Options;
  /**
   * What NaN (not observed) is to it. `impute`: it takes finite rows, and medians are filled in before. `native`: it takes
   * rows with NaN, in the fit as in scoring.
   */
  readonly missingValues: 'impute' | 'native';

  /** Whether a fit of these rows draws nothing, so that the seed changes nothing. Left out: it always draws. */
  isDeterministic?(options: Options, rows: Matrix): boolean;

  /**
   * `rows`: at least one row; finite values only unless missing values are native. Throws `RangeError` on anything else.
   * Lets the event loop run between steps, so that the signal can arrive.
   */
  fit(rows: Matrix, options: Options, context: FitContext): Promise<Fitted>;

  /** One score a row: higher = more anomalous. `rows`: as in the fit, with its columns. */
  anomalyScores(fitted: Fitted, rows: Matrix): Float64Array;
}

/** Throws `RangeError`, naming the place, unless `rows` is what the `fit` of a detector of this kind takes. */
export function assertFittable(rows: Matrix, missingValues: Detector<never, never>['missingValues'] = 'impute'): void {
  if (rows.rows < 1) throw new RangeError('there are no rows to fit: collect some first');
  const isNative = missingValues === 'native';
  const index = rows.values.findIndex((value) => !Number.isFinite(value) && !(isNative && Number.isNaN(value)));
  if (index === -1) return;
  const row = Math.floor(index / rows.columns);
  const remedy = isNative ? 'only finite values and NaN can be fitted' : 'impute missing values before the fit';
  throw new RangeError(`row ${row}, column ${index % rows.columns} is ${rows.values[index]}: ${remedy}`);
}
