/** How many of the scores, ascending, are smaller than `score`. */
export function countBelow(sortedScores: Float32Array, score: number): number {
  let low = 0;
  let high = sortedScores.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (score <= sortedScores[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}
