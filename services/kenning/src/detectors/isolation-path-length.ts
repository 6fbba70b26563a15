const EULER_GAMMA = 0.5772156649015329;
const FLOAT32_SIGNIFICAND_BITS = 24;

/**
 * c(n): mean path length of an unsuccessful search in a binary search tree of n rows,
 * 2H(n−1) − 2(n−1)/n with H(i) ≈ ln i + γ (Liu, Ting & Zhou 2008, eq. 1). 0 for one row, 1 for two.
 */
export function averagePathLength(rows: number): number {
  if (rows <= 1) return 0;
  if (rows === 2) return 1;
  return 2 * (Math.log(rows - 1) + EULER_GAMMA) - (2 * (rows - 1)) / rows;
}

/**
 * Grid for the path lengths of leaves: a power of two, so coarse that the sum of `nEstimators` of them needs no more
 * bits than float32 has. Sums are then exact whatever the order: a row scores the same alone, in a batch, on any number
 * of threads, in any ONNX runtime. 100 trees of 256 rows: 2^−13, which moves a score by less than 5e-6.
 */
export function pathLengthGrid(nEstimators: number, sampleSize: number): number {
  const longest = Math.ceil(Math.log2(sampleSize)) + averagePathLength(sampleSize);
  return 2 ** (Math.ceil(Math.log2(nEstimators * Math.max(longest, 1))) - FLOAT32_SIGNIFICAND_BITS);
}
