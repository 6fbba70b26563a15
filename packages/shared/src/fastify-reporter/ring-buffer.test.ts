import { expect, test } from 'vitest';
import { RingBuffer } from './ring-buffer.ts';

test('gives items in order over its end, and refuses what does not fit', () => {
  const queue = new RingBuffer<number>(3);
  for (const item of [1, 2, 3]) queue.push(item);
  expect(queue.isFull).toBe(true);
  expect(() => queue.push(4)).toThrow(RangeError);
  expect(queue.take(2)).toEqual([1, 2]);
  queue.push(4);
  queue.push(5);
  expect(queue.size).toBe(3);
  expect(queue.take(10)).toEqual([3, 4, 5]);
  expect(queue.take(1)).toEqual([]);
});
