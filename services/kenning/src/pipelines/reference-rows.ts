import type { Random } from '@liminal/shared/runtime/random';
import { type Matrix, takeRows } from '../detectors/matrix.ts';
import type { TrainingRows } from './split-rows.ts';

/**
 * Up to `most` rows of different groups, each row of all with the same chance: what drift is measured against. The rows
 * are laid group by group in random order and taken at equal distances, from a random start, that no group is longer
 * than (systematic sampling; Madow 1949). One group that makes most of the rows leaves few of them.
 */
export function referenceRows(rows: TrainingRows, most: number, random: Random): Matrix {
  const groups = rows.groups ?? Int32Array.from({ length: rows.rows }, (_, row) => row);
  return takeRows(rows, rowsOfDifferentGroups(groups, { most }, random));
}

/**
 * Numbers of up to `most` rows of different groups, see `referenceRows`. Where these would be fewer than `fewest`, as many
 * rows of the longest groups are left out as it takes (at random): theirs have a smaller chance then.
 */
export function rowsOfDifferentGroups(
  groups: Int32Array,
  { most, fewest = 0 }: { most: number; fewest?: number },
  random: Random,
): Int32Array {
  const all = [...Map.groupBy(groups.keys(), (row) => groups[row]!).values()];
  const longest = longestGroup(
    all.map(({ length }) => length),
    fewest,
  );
  const members = all.map((rows) =>
    rows.length <= longest ? rows : Array.from(random.sample(rows.length, longest), (place) => rows[place]!),
  );
  const laid = Int32Array.from([...random.sample(members.length, members.length)].flatMap((group) => members[group]!));
  const distance = Math.max(longest, laid.length / most);
  const taken: number[] = [];
  for (let place = random.next() * distance; place < laid.length; place += distance)
    taken.push(laid[Math.floor(place)]!);
  return Int32Array.from(taken);
}

/** The greatest length to which groups can be cut so that Σ min(nᵢ, length)/length is `fewest` at least; 1 where none is. */
function longestGroup(lengths: readonly number[], fewest: number): number {
  const longest = lengths.reduce((most, length) => Math.max(most, length), 1);
  const taken = (length: number): number => lengths.reduce((sum, own) => sum + Math.min(own, length), 0) / length;
  let [low, high] = [1, longest];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (taken(middle) >= fewest) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * How many independent rows rows of groups are worth at least, where those of a group say the same: (Σ nᵢ)²/Σ nᵢ² over
 * the sizes of the groups (Kish 1965).
 */
export function independentRows(groups: Int32Array | readonly number[]): number {
  const sizes = new Map<number, number>();
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  let squares = 0;
  for (const size of sizes.values()) squares += size * size;
  return squares === 0 ? 0 : groups.length ** 2 / squares;
}
