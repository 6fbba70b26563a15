import { expect, test } from 'vitest';
import { csvRow } from './csv-row.ts';

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])('%j does not become a formula', (text) => {
  const cell = csvRow([text]).slice(0, -2);
  expect(cell.replace(/^"/, '')).toBe(`'${text}${cell.startsWith('"') ? '"' : ''}`);
});

test('quotes what would end a cell or a line, and leaves numbers as they are', () => {
  expect(csvRow(['a,b', 'say "a"', 'two\nlines', 'plain', -0.5, null, true])).toBe(
    '"a,b","say ""a""","two\nlines",plain,-0.5,,true\r\n',
  );
  expect(csvRow(['=HYPERLINK("http://x")'])).toBe('"\'=HYPERLINK(""http://x"")"\r\n');
});
