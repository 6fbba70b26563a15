import { describe, expect, test } from 'vitest';
import { consensusOf, type Vote } from './consensus.ts';
import { summariseAnalysis } from './summary.ts';
import type { Category, Verdict, VerdictSeverity } from './verdict.ts';

const verdict = (category: Category, severity: VerdictSeverity, confidence: number): Verdict => ({
  category,
  severity,
  confidence,
  hypothesis: 'h',
  evidence: [{ reference: 'ip_entropy', note: '' }],
  nextSteps: ['look'],
});
const vote = (analyst: string, category: Category, severity: VerdictSeverity, confidence = 0.8): Vote => ({
  analyst,
  verdict: verdict(category, severity, confidence),
});

describe('a consensus', () => {
  test.each<[string, Vote[], object]>([
    ['of nobody is none', [], { agreement: 'none', category: null, severity: null, votes: 0, positions: [] }],
    [
      'of one says so',
      [vote('a', 'scraping', 'medium')],
      { agreement: 'single', category: 'scraping', severity: 'medium', votes: 1, dissent: [] },
    ],
    [
      'of all is unanimous, and a contested severity shows',
      [vote('a', 'scraping', 'medium', 0.4), vote('b', 'scraping', 'medium', 0.9), vote('c', 'scraping', 'low')],
      {
        agreement: 'unanimous',
        severity: 'medium',
        isSeverityContested: true,
        positions: [{ severities: { medium: ['a', 'b'], low: ['c'] }, confidence: { lowest: 0.4, highest: 0.9 } }],
      },
    ],
    [
      'of most names who dissents, and does not let a loud dissenter move it',
      [
        vote('a', 'stolen-token', 'critical', 0.5),
        vote('b', 'busy-user', 'none', 1),
        vote('c', 'stolen-token', 'critical', 0.5),
      ],
      { agreement: 'majority', category: 'stolen-token', severity: 'critical', dissent: ['b'] },
    ],
    [
      'of two against two is split, and has no category',
      [
        vote('a', 'stolen-token', 'critical'),
        vote('b', 'busy-user', 'none'),
        vote('c', 'stolen-token', 'high'),
        vote('d', 'busy-user', 'none'),
      ],
      {
        agreement: 'split',
        category: null,
        severity: null,
        positions: [{ category: 'stolen-token' }, { category: 'busy-user' }],
      },
    ],
    [
      'with a tie of severities takes the worse one',
      [vote('a', 'scraping', 'low'), vote('b', 'scraping', 'high')],
      { agreement: 'unanimous', severity: 'high', isSeverityContested: true },
    ],
    [
      'of three categories is split although one comes first in the list',
      [vote('a', 'scraping', 'low'), vote('b', 'slow-bot', 'low'), vote('c', 'busy-user', 'none')],
      { agreement: 'split', category: null, votes: 3 },
    ],
  ])('%s', (_, votes, expected) => {
    expect(consensusOf(votes)).toMatchObject(expected);
    // Who says what does not depend on the order in which they answered.
    expect(consensusOf(votes.toReversed())).toMatchObject({
      agreement: consensusOf(votes).agreement,
      category: consensusOf(votes).category,
      severity: consensusOf(votes).severity,
    });
  });
});

describe('a summary', () => {
  const votes = [
    vote('claude', 'stolen-token', 'critical'),
    vote('gpt', 'stolen-token', 'critical'),
    vote('local', 'busy-user', 'none'),
  ];

  test('is one line in English and in Russian', () => {
    expect(summariseAnalysis(consensusOf(votes), votes, 'en')).toBe(
      'Stolen token (critical), 2 of 3 analysts agree (otherwise: local); evidence: ip_entropy.',
    );
    expect(summariseAnalysis(consensusOf(votes), votes, 'ru')).toBe(
      'Украденный токен (критическая важность), согласны 2 из 3 (иначе: local); основания: ip_entropy.',
    );
  });

  test('says that analysts disagree', () => {
    const split = votes.slice(1);
    expect(summariseAnalysis(consensusOf(split), split, 'en')).toBe(
      'Analysts disagree: Stolen token – gpt; Busy user, harmless – local.',
    );
    expect(summariseAnalysis(consensusOf(split), split, 'ru')).toMatch(/^Мнения расходятся: Украденный токен – gpt/);
  });
});
