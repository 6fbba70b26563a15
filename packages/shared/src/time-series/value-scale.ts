/**
 * How a series is looked at. `square-root` makes the noise of counts the same at any level (Bartlett 1936: the square root of a
 * Poisson variable has variance 1/4), so that the dead of night is judged as strictly as the busiest hour.
 */
export const VALUE_SCALES = ['linear', 'square-root'] as const;
export type ValueScale = (typeof VALUE_SCALES)[number];

export function toScale(value: number, scale: ValueScale): number {
  return scale === 'linear' ? value : Math.sign(value) * Math.sqrt(Math.abs(value));
}

export function fromScale(scaled: number, scale: ValueScale): number {
  return scale === 'linear' ? scaled : Math.sign(scaled) * scaled * scaled;
}
