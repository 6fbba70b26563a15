import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { independentRows, referenceRows, rowsOfDifferentGroups } from './reference-rows.ts';

/** Groups of 1 to 20 rows; the value of a row is its number. */
const groups = Array.from({ length: 20 }, (_, group) => Array<number>(group + 1).fill(group + 1)).flat();
const rows = {
  rows: groups.length,
  columns: 1,
  values: Float32Array.from(groups.keys()),
  groups: Int32Array.from(groups),
};

describe('referenceRows', () => {
  it('takes no group twice, and every row with the same chance', () => {
    const counts = new Float64Array(rows.rows);
    const draws = 20_000;
    for (let seed = 0; seed < draws; seed++) {
      const { values } = referenceRows(rows, 1_000, new Random(seed));
      expect(new Set(Array.from(values, (row) => groups[row])).size).toBe(values.length);
      for (const row of values) counts[row]!++;
    }
    // Each with a chance of 1 in 20, the length of the longest group: 1,000 draws, standard deviation 31.
    expect(Math.min(...counts)).toBeGreaterThan(1_000 - 5 * 31);
    expect(Math.max(...counts)).toBeLessThan(1_000 + 5 * 31);
  });

  it('takes no more than were asked for', () => {
    expect(referenceRows(rows, 3, new Random(1)).rows).toBeLessThanOrEqual(3);
  });

  it('takes any rows where there are no groups', () => {
    const { groups: _, ...single } = rows;
    expect(referenceRows(single, 1_000, new Random(1)).rows).toBe(rows.rows);
  });
});

describe('rowsOfDifferentGroups', () => {
  /** 128 users with 20 rows each, and one with 400. */
  const users = Int32Array.from(
    [...Array(128).keys()].flatMap((user) => Array<number>(20).fill(user)).concat(Array(400).fill(999)),
  );

  it('lets one that makes most of the rows not take the place of all others', () => {
    expect(rowsOfDifferentGroups(users, { most: 2_000 }, new Random(1)).length).toBeLessThan(9);
    for (let seed = 0; seed < 50; seed++) {
      const taken = rowsOfDifferentGroups(users, { most: 2_000, fewest: 40 }, new Random(seed));
      expect(taken.length).toBeGreaterThanOrEqual(40);
      expect(new Set(Array.from(taken, (row) => users[row])).size).toBe(taken.length);
    }
  });

  it('changes nothing where there are enough', () => {
    const single = users.subarray(0, 128 * 20);
    const draw = (fewest: number) => rowsOfDifferentGroups(single, { most: 2_000, fewest }, new Random(3));
    expect(draw(40)).toEqual(draw(0));
  });

  it('takes one of each where there are too few groups', () => {
    const few = Int32Array.of(1, 1, 1, 2, 2, 3);
    expect(rowsOfDifferentGroups(few, { most: 10, fewest: 40 }, new Random(1)).length).toBe(3);
  });
});

describe('independentRows', () => {
  it.each([
    [[1, 2, 3, 4], 4],
    [[1, 1, 2, 2], 2],
    [[1, 1, 1, 2], 1.6],
    [[], 0],
  ])('of %j', (of, worth) => expect(independentRows(of)).toBeCloseTo(worth, 12));
});
