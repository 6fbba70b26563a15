import { unpack } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { IdsWriter } from './ids-writer.ts';

const identities = (events: [user: string, id: string | undefined][]) => {
  const writer = new IdsWriter();
  for (const [user, id] of events) writer.append(Buffer.from(user), id);
  return { identified: writer.identified, bytes: writer.toBytes() };
};

describe('ids of a batch', () => {
  test('are a msgpack array with one text an event, empty without an id', () => {
    const events: [string, string | undefined][] = [
      ['ada', 'x'],
      ['ben', undefined],
      ['ädä', '中'],
      ['a', 'é'.repeat(128)],
    ];
    const { identified, bytes } = identities(events);
    const texts = unpack(bytes) as string[];
    expect(identified).toBe(3);
    expect(texts).toHaveLength(4);
    expect(texts.map((text) => text.length > 0)).toEqual([true, false, true, true]);
  });

  test('differ where user or id differ, wherever one ends and the other begins', () => {
    const events: [string, string][] = [
      ['a', 'bc'],
      ['ab', 'c'],
      ['abc', 'd'],
      ['a', 'bcd'],
      ['ä', 'b'],
      ['äb', 'c'],
    ];
    const { bytes } = identities(events);
    const parts = new Set<string>();
    let at = 5;
    for (const _ of events) {
      const length = bytes.readUInt16BE(at + 1);
      parts.add(bytes.subarray(at + 3, at + 3 + length).toString('hex'));
      at += 3 + length;
    }
    expect(at).toBe(bytes.length);
    expect(parts.size).toBe(events.length);
  });

  test('take thousands of events, and nothing at all when none has an id', () => {
    const many = Array.from({ length: 2_000 }, (_, index): [string, string] => [`user-${index}`, `id-${index}`]);
    expect(unpack(identities(many).bytes) as string[]).toHaveLength(2_000);
    expect(identities([['ada', undefined]]).bytes).toHaveLength(0);
  });
});
