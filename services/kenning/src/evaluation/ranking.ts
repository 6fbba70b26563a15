/** Anomaly scores with the truth beside them; the arrays are of one length. */
export interface ScoredRows {
  /** Higher = more anomalous; never NaN. */
  scores: ArrayLike<number>;
  /** 1 = anomaly, 0 = normal. */
  labels: Uint8Array;
}

/**
 * Area under the ROC curve in [0, 1], as the Mann–Whitney statistic: the probability that an anomaly scores higher than a
 * normal row, equal scores counting half (Hanley & McNeil 1982). Throws `RangeError` unless there are rows of both kinds.
 */
export function auroc(scored: ScoredRows): number {
  const { anomalies, normals } = countKinds(scored);
  // Pairs in which the anomaly is higher, twice, so that halves stay whole.
  let twicePairs = 0;
  let normalsAbove = 0;
  for (const group of equalScores(scored)) {
    twicePairs += group.anomalies * (2 * (normals - normalsAbove - group.normals) + group.normals);
    normalsAbove += group.normals;
  }
  return twicePairs / (2 * anomalies * normals);
}

/**
 * Average precision in [0, 1]: Σ (Rᵢ − Rᵢ₋₁)·Pᵢ over the different scores as thresholds, highest first, without
 * interpolation, as scikit-learn has it. Throws `RangeError` unless there are rows of both kinds.
 */
export function averagePrecision(scored: ScoredRows): number {
  const { anomalies } = countKinds(scored);
  let found = 0;
  let taken = 0;
  let sum = 0;
  for (const group of equalScores(scored)) {
    found += group.anomalies;
    taken += group.anomalies + group.normals;
    sum += (group.anomalies / anomalies) * (found / taken);
  }
  return sum;
}

export function countKinds({ labels }: Pick<ScoredRows, 'labels'>): { anomalies: number; normals: number } {
  let anomalies = 0;
  for (const label of labels) anomalies += label;
  const normals = labels.length - anomalies;
  if (anomalies === 0 || normals === 0) {
    throw new RangeError(
      `all ${labels.length} rows are ${anomalies === 0 ? 'normal' : 'anomalies'}: both kinds are needed`,
    );
  }
  return { anomalies, normals };
}

/** How many rows of each kind have the same score, from the highest score down. */
function* equalScores({ scores, labels }: ScoredRows): Generator<{ anomalies: number; normals: number }> {
  const order = Uint32Array.from(labels.keys()).sort((left, right) => scores[right]! - scores[left]!);
  for (let start = 0, end = 0; start < order.length; start = end) {
    let anomalies = 0;
    // Infinite scores are equal too, though their difference is no number.
    while (end < order.length && scores[order[end]!] === scores[order[start]!]) anomalies += labels[order[end++]!]!;
    yield { anomalies, normals: end - start - anomalies };
  }
}
