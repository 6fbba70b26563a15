/**
 * Excess-mass and mass-volume curves: how tightly the level sets of a scoring function hold the data (Goix 2016, "How to
 * evaluate the quality of unsupervised anomaly detection algorithms?"). No labels are needed.
 *
 * A level set holds the points that score at most so much (our scores are higher where a point is more anomalous, the
 * paper's are lower). Its mass is the share of the data in it, its volume the share of a sample that is uniform in the
 * coordinates in which volumes are measured (see `FeatureDraw`).
 */
export interface LevelSets {
  /** Share of the reference sample in each level set, ascending; the first is the empty set. */
  volume: Float64Array;
  /** Share of the data in it, strictly ascending from 0 to 1. */
  mass: Float64Array;
  /** Size of the reference sample: smaller volumes than 1/this can't be seen. */
  volumeSamples: number;
}

/** The mass from which on a level set should hold nearly all normal data; both criteria look at what lies beyond it. */
const LARGE_MASS = 0.9;

/** The level sets at every score of the data, lowest first. Scores: higher = more anomalous. */
export function levelSets(dataScores: ArrayLike<number>, referenceScores: ArrayLike<number>): LevelSets {
  if (dataScores.length === 0 || referenceScores.length === 0)
    throw new RangeError('level sets need scores of both kinds');
  const data = Float64Array.from(dataScores).sort();
  const reference = Float64Array.from(referenceScores).sort();
  const volume = [0];
  const mass = [0];
  let inside = 0;
  for (let rank = 0; rank < data.length; rank++) {
    if (data[rank] === data[rank + 1]) continue;
    while (inside < reference.length && reference[inside]! <= data[rank]!) inside++;
    volume.push(inside / reference.length);
    mass.push((rank + 1) / data.length);
  }
  return { volume: Float64Array.from(volume), mass: Float64Array.from(mass), volumeSamples: reference.length };
}

/**
 * Area under EM(t) = sup {mass − t · volume} for t from 0 to where EM falls to 0.9: higher is better. The supremum is
 * piecewise linear in t, so the area is exact. It ends at t = `volumeSamples` at the latest: a level set of mass 0.9 that
 * holds no point of the reference sample would otherwise have an infinite one.
 */
export function excessMassArea(sets: LevelSets): number {
  const hull = upperHull(sets);
  let area = 0;
  let from = 0;
  // From the largest set (best at t = 0) to the smallest; a set is best until t reaches the slope to the next.
  for (let index = hull.length - 1; index >= 0; index--) {
    const { volume, mass } = hull[index]!;
    const next = hull[index - 1];
    const slope = next === undefined ? Number.POSITIVE_INFINITY : (mass - next.mass) / (volume - next.volume);
    const falls = volume === 0 ? (mass > LARGE_MASS ? Number.POSITIVE_INFINITY : from) : (mass - LARGE_MASS) / volume;
    const to = Math.min(slope, Math.max(falls, from), sets.volumeSamples);
    area += (to - from) * (mass - (volume * (from + to)) / 2);
    if (to < slope) break;
    from = to;
  }
  return area;
}

/** Area under MV(α) = the smallest volume of mass at least α, for α from 0.9 to 1: lower is better. At most 0.1. */
export function massVolumeArea({ volume, mass }: LevelSets): number {
  let area = 0;
  for (let index = 1; index < mass.length; index++) {
    const width = mass[index]! - Math.max(mass[index - 1]!, LARGE_MASS);
    if (width > 0) area += width * volume[index]!;
  }
  return area;
}

interface LevelSet {
  volume: number;
  mass: number;
}

/** The sets that are best for some t ≥ 0, smallest first: the corners of the concave hull of mass over volume. */
function upperHull({ volume, mass }: LevelSets): LevelSet[] {
  const hull: LevelSet[] = [];
  for (let index = 0; index < mass.length; index++) {
    const set = { volume: volume[index]!, mass: mass[index]! };
    while (hull.length > 0 && isBelow(hull.at(-2), hull.at(-1)!, set)) hull.pop();
    hull.push(set);
  }
  return hull;
}

/** Whether the middle one of three sets is never better than both others. */
function isBelow(left: LevelSet | undefined, middle: LevelSet, right: LevelSet): boolean {
  if (middle.volume === right.volume) return true;
  if (left === undefined) return false;
  const toMiddle = (middle.mass - left.mass) * (right.volume - left.volume);
  return toMiddle <= (right.mass - left.mass) * (middle.volume - left.volume);
}
