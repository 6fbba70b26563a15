/** Below this the power series of the error function is used, above it the continued fraction of its complement. */
const SERIES_LIMIT = 2;

/** P(Z > z) of a standard normal Z for z ≥ 0, to about 1e-15 relative (Abramowitz & Stegun 7.1.5 and 7.1.14). */
export function normalUpperTail(z: number): number {
  const x = z / Math.SQRT2;
  return 0.5 * (x < SERIES_LIMIT ? 1 - errorFunction(x) : complement(x));
}

function errorFunction(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function complement(x: number): number {
  let fraction = 0;
  for (let k = 120; k > 0; k--) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction));
}
