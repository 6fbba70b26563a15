import { Random } from '@liminal/shared/runtime/random';
import { expect, it } from 'vitest';
import { DistinctUsers } from './distinct-users.ts';

it('counts exactly while there are few pairs, each user once a slot', () => {
  const random = new Random(1);
  const users = new DistinctUsers();
  const seen = [new Set<number>(), new Set<number>(), new Set<number>()];
  for (let event = 0; event < 20_000; event++) {
    const slot = random.int(3);
    const user = 1 + random.int(4_000);
    expect(users.add(user, slot)).toBe(!seen[slot]!.has(user));
    seen[slot]!.add(user);
  }
  expect([...users.counts(3)]).toEqual(seen.map(({ size }) => size));
});

it('estimates beyond, within 4% for half a million users, whatever their order', () => {
  const random = new Random(2);
  const hashes = Array.from({ length: 500_000 }, () => random.uint32());
  const forwards = new DistinctUsers();
  const backwards = new DistinctUsers();
  for (let index = 0; index < hashes.length; index++) {
    forwards.add(hashes[index]!, index % 5 === 0 ? 1 : 0);
    const back = hashes.length - 1 - index;
    backwards.add(hashes[back]!, back % 5 === 0 ? 1 : 0);
  }
  const [most, few] = forwards.counts(2) as unknown as [number, number];
  expect(Math.abs(most / 400_000 - 1)).toBeLessThan(0.04);
  expect(Math.abs(few / 100_000 - 1)).toBeLessThan(0.08);
  expect(backwards.counts(2)).toEqual(forwards.counts(2));
  expect(forwards.pairs).toBeLessThanOrEqual(16_384);
});
