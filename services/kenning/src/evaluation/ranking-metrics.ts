/** One a row: 1 where the row is an anomaly, 0 where it is not. */
export type Labels = ArrayLike<number>;

/**
 * Area under the ROC curve: the probability that an anomaly scores higher than a normal row, ties counting half
 * (Mann–Whitney). NaN unless both kinds are there.
 */
export function auroc(scores: ArrayLike<number>, labels: Labels): number {
  let below = 0;
  let pairs = 0;
  let normals = 0;
  let anomalies = 0;
  for (const { normal, anomalous } of tiedGroups(scores, labels).reverse()) {
    pairs += anomalous * (below + normal / 2);
    below += normal;
    normals += normal;
    anomalies += anomalous;
  }
  return pairs / (normals * anomalies);
}

/**
 * Average precision: the sum over the thresholds of precision times the step in recall, as scikit-learn has it (no
 * interpolation). NaN without an anomaly.
 */
export function averagePrecision(scores: ArrayLike<number>, labels: Labels): number {
  let found = 0;
  let seen = 0;
  let sum = 0;
  for (const { normal, anomalous } of tiedGroups(scores, labels)) {
    found += anomalous;
    seen += normal + anomalous;
    sum += anomalous * (found / seen);
  }
  return sum / found;
}

/** Rows of equal score together, the highest score first. */
function tiedGroups(scores: ArrayLike<number>, labels: Labels): { normal: number; anomalous: number }[] {
  const order = Array.from({ length: scores.length }, (_, row) => row).sort((a, b) => scores[b]! - scores[a]!);
  const groups: { normal: number; anomalous: number }[] = [];
  let last = Number.NaN;
  for (const row of order) {
    if (scores[row] !== last) groups.push({ normal: 0, anomalous: 0 });
    last = scores[row]!;
    const group = groups.at(-1)!;
    if (labels[row]) group.anomalous++;
    else group.normal++;
  }
  return groups;
}
