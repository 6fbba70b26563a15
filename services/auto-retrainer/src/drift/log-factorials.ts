/** ln(0!) … ln(most!): sums of logarithms, exact to rounding. */
export function logFactorials(most: number): Float64Array {
  const table = new Float64Array(most + 1);
  for (let number = 2; number <= most; number++) table[number] = table[number - 1]! + Math.log(number);
  return table;
}
