import { describe, expect, it } from 'vitest';
import { everyoneOf, expectationsOf } from './expectations.ts';
import { summarise } from './summary.ts';
import { TrainingDistribution } from './training-distribution.ts';

const distribution = new TrainingDistribution({
  probabilities: [0.01, 0.5, 0.99],
  features: [
    [0, 5, 38],
    [-0.5, 0.5, 0.9],
    [0, 0, 0],
    [0, 0, 3],
    [0, 5, 40],
    [60, 5_000, 48_000],
    [0, 0, 0],
  ].map((quantiles, feature) => ({ quantiles, missingRate: feature === 5 ? 0.27 : 0 })) as never,
});
const everyone = everyoneOf(distribution);
const history = Float32Array.from([2, 3, 3, 4, 9].flatMap((requests) => [requests, 0.5, 0, 0, 3, Number.NaN, 0]));
const { expectations } = expectationsOf(everyone, history);

const summaryOf = (values: number[], shapValues: number[], language: 'en' | 'ru' = 'en') =>
  summarise({ values, shapValues, expectations }, language);

describe('what features normally are', () => {
  it("comes from the user's own history where there is enough of it, and from the training rows", () => {
    expect(expectations[0]).toEqual({
      user: { low: 2, median: 3, high: 9 },
      everyone: { low: 0, median: 5, high: 38, missingRate: 0 },
    });
    expect(expectations[5]!.user.median).toBeNaN();
    expect(expectationsOf(everyone, history.slice(7)).expectations[0]!.user.median).toBeNaN();
  });
});

describe('a summary', () => {
  const scraping = [412, 0.5, 0, 0, 400, 5_000, 0];

  it('names the value, what it usually is for this user, and the edge of everybody', () => {
    expect(summaryOf(scraping, [3, 0, 0, 0, 0.2, 0, 0])).toBe(
      'Stands out by requests_per_user 412/min, usually 3 (p99 of all users: 38).',
    );
    expect(summaryOf(scraping, [3, 0, 0, 0, 0.2, 0, 0], 'ru')).toBe(
      'Выделяется: запросы (requests_per_user) 412/мин, обычно 3 (p99 всех пользователей: 38).',
    );
  });

  it('names the two strongest, strongest first, and none that matters little or speaks against', () => {
    const summary = summaryOf([412, 0.5, 2.25, 0, 400, 1, 0], [1, 0.2, 2, 0, 0.9, -5, 0.1]);
    expect(summary).toBe(
      'Stands out by ip_entropy (spread over IPs) 2.25 bits, usually 0 (p99 of all users: 0), ' +
        'and by requests_per_user 412/min, usually 3 (p99 of all users: 38).',
    );
  });

  it('takes the lower edge for a value below the median, and says nothing of a user without history', () => {
    expect(summaryOf([5, 0.5, 0, 0, 5, 3, 0], [0, 0, 0, 0, 0, 1, 0], 'ru')).toBe(
      'Выделяется: время между входами (login_intervals) 3 с (p1 всех пользователей: 60).',
    );
  });

  it('says that a feature was not observed, and how common that is', () => {
    expect(summaryOf([5, 0.5, 0, 0, 5, Number.NaN, 0], [0, 0, 0, 0, 0, 1, 0])).toBe(
      'Stands out by login_intervals (time between logins) not observed (so in 27% of all vectors).',
    );
  });

  it('says so where no feature stands out', () => {
    expect(summaryOf(scraping, [-1, 0, 0, 0, 0, 0, 0])).toContain('their combination');
    expect(summaryOf(scraping, [-1, 0, 0, 0, 0, 0, 0], 'ru')).toContain('сочетание');
  });
});
