/** Spearman's rank correlation, ties sharing their mean rank. 1 where neither side varies, NaN where one does not. */
export function spearman(left: ArrayLike<number>, right: ArrayLike<number>): number {
  const [x, y] = [meanRanks(left), meanRanks(right)];
  const mean = (x.length + 1) / 2;
  let [xx, yy, xy] = [0, 0, 0];
  for (let index = 0; index < x.length; index++) {
    const [dx, dy] = [x[index]! - mean, y[index]! - mean];
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  return xx === 0 && yy === 0 ? 1 : xy / Math.sqrt(xx * yy);
}

function meanRanks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, index) => index).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let place = start; place < end; place++) ranks[order[place]!] = (start + end + 1) / 2;
    start = end;
  }
  return ranks;
}
