import { Random } from '@liminal/shared/runtime/random';
import { expect, it } from 'vitest';
import { TrackedGroups } from './tracked-groups.ts';

const names = (groups: TrackedGroups): string[] => groups.tracked.map(({ group }) => group);

it('are those with the most traffic of the first minute', () => {
  const groups = new TrackedGroups(2);
  groups.update(
    new Map([
      ['small', 1],
      ['b', 5],
      ['a', 5],
    ]),
  );
  expect(groups.tracked).toEqual([
    { group: 'a', place: 0 },
    { group: 'b', place: 1 },
  ]);
});

it('give way only to a group with more than twice the traffic', () => {
  const groups = new TrackedGroups(2);
  const minute = (next: number): void => {
    groups.update(
      new Map([
        ['a', 100],
        ['b', 10],
        ['next', next],
      ]),
    );
  };
  groups.update(new Map([['a', 100]]));
  groups.update(new Map([['b', 10]]));
  for (let count = 0; count < 500; count++) minute(19);
  expect(names(groups)).toEqual(['a', 'b']);
  for (let count = 0; count < 500; count++) minute(40);
  expect(names(groups)).toEqual(['a', 'next']);
});

it('stay bounded when every request has a group of its own', () => {
  const random = new Random(1);
  const groups = new TrackedGroups(3);
  for (let minute = 0; minute < 300; minute++) {
    const scan = Array.from({ length: 64 }, (): [string, number] => [`scan-${random.uint32()}`, 1]);
    groups.update(new Map([['api', 50], ...scan]));
  }
  expect(groups.state.length).toBeLessThanOrEqual(3 + 24);
  expect(names(groups)).toContain('api');
});

it('go on from their state, also with fewer places', () => {
  const groups = new TrackedGroups(3);
  groups.update(
    new Map([
      ['a', 5],
      ['b', 4],
      ['c', 3],
    ]),
  );
  expect(new TrackedGroups(3, groups.state).tracked).toEqual(groups.tracked);
  const fewer = new TrackedGroups(2, groups.state);
  expect(names(fewer)).toEqual(['a', 'b']);
  expect(new TrackedGroups(0, groups.state).tracked).toEqual([]);
});
