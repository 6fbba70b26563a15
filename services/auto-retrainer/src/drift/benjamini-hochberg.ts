/**
 * p-values adjusted for looking at all of them (Benjamini & Hochberg 1995): those up to q are a set whose expected share
 * of false finds is at most q, for independent or positively dependent p-values (Benjamini & Yekutieli 2001). Where
 * nothing has changed, the probability of any find is at most q.
 */
export function adjustedPValues(pValues: readonly number[]): number[] {
  const count = pValues.length;
  const order = pValues.map((_, index) => index).sort((left, right) => pValues[right]! - pValues[left]!);
  const adjusted = new Array<number>(count);
  let smallest = 1;
  for (const [place, index] of order.entries()) {
    smallest = Math.min(smallest, (pValues[index]! * count) / (count - place));
    adjusted[index] = smallest;
  }
  return adjusted;
}
