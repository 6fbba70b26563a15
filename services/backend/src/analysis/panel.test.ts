import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { askPanel } from './panel.ts';
import type { Answer } from './providers/answer.ts';

const failed: Answer = { result: 'failed', reason: 'garbage', detail: '', costUsd: 0, seconds: 0 };
const answered: Answer = {
  result: 'answered',
  verdict: {
    category: 'scraping',
    severity: 'low',
    confidence: 1,
    hypothesis: 'h',
    evidence: [{ reference: 'ip_entropy', note: '' }],
    nextSteps: ['look'],
  },
  invented: [],
  tokens: { input: 1, output: 1 },
  costUsd: 0,
  seconds: 0,
};
const unreliable: Answer = { ...answered, invented: ['x'] };

const ask = async (answers: Record<string, Answer>, size: number): Promise<string[]> => {
  const members = Object.keys(answers).map((name) => ({ name }));
  const asked = await askPanel(members, size, async ({ name }) => {
    // The first is the slowest: the order of the answers is not that of the members.
    await sleep(name === 'a' ? 20 : 1);
    return answers[name]!;
  });
  return asked.map(({ member, insteadOf }) => `${member.name}${insteadOf === undefined ? '' : ` for ${insteadOf}`}`);
};

test.each<[string, Record<string, Answer>, string[]]>([
  ['asks so many at once and no others', { a: answered, b: answered, c: answered }, ['a', 'b']],
  [
    'asks the next one for each that fails',
    { a: answered, b: failed, c: answered, d: answered },
    ['a', 'b', 'c for b'],
  ],
  [
    'goes on as long as there is one',
    { a: answered, b: failed, c: unreliable, d: failed },
    ['a', 'b', 'c for b', 'd for c'],
  ],
  ['asks nobody twice', { a: failed, b: failed, c: answered }, ['a', 'b', 'c for b']],
  ['may have less members than seats', { a: failed }, ['a']],
  ['may have none', {}, []],
])('a panel %s', async (_, answers, expected) => {
  expect(await ask(answers, 2)).toEqual(expected);
});
