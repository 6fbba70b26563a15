import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createProgress } from './progress.ts';

function captured(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  const stream = Object.assign(new PassThrough(), {
    isTTY,
    columns: 120,
    cursorTo() {},
    clearLine() {},
    moveCursor() {},
  });
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text };
}

test('without a terminal writes a line about every 10%, and each note once', () => {
  const { stream, text } = captured(false);
  const progress = createProgress({ label: 'replay', total: 1000, stream });
  for (let done = 0; done <= 1000; done++) progress.update(done, `${done} events`);
  progress.note('waiting');
  progress.note('waiting');
  progress.stop();
  const lines = text().trimEnd().split('\n');
  expect(lines).toHaveLength(11);
  expect(lines[0]).toBe('replay 10% · 100 events');
  expect(lines.at(-2)).toBe('replay 100% · 1000 events');
  expect(lines.at(-1)).toBe('replay: waiting');
});

test('a total of nothing is done at once', () => {
  const { stream, text } = captured(false);
  const progress = createProgress({ label: 'replay', total: 0, stream });
  progress.update(1, 'nothing');
  expect(text()).toBe('replay 100% · nothing\n');
});

test('on a terminal draws a bar with the details', () => {
  const { stream, text } = captured(true);
  const progress = createProgress({ label: 'replay', total: 4, stream });
  progress.update(2, '2 events');
  progress.stop();
  expect(text()).toMatch(/replay █+░+/);
  expect(text()).toContain('50% · 2 events');
});
