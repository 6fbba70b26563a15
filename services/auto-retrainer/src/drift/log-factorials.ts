let table = new Float64Array(2);

/** ln(0!) … ln(most!) and possibly further: sums of logarithms, exact to rounding. Kept, since every look asks again. */
export function logFactorials(most: number): Float64Array {
  if (most < table.length) return table;
  const longer = new Float64Array(most + 1);
  longer.set(table);
  for (let number = table.length; number <= most; number++) longer[number] = longer[number - 1]! + Math.log(number);
  table = longer;
  return table;
}
