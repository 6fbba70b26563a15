import { describe, expect, it } from 'vitest';
import { decide, type Situation } from './policy.ts';

const limits = { bootstrapMinRows: 500, bootstrapMinUsers: 20 };
const factory = { release: 'r-factory', provisional: true };
const enough: Situation = { production: factory, rows: 500, users: 20, isTraining: false };

describe('decide', () => {
  it.each([
    ['the factory release serves and there is enough', {}, 'train', 'bootstrap'],
    ['nothing serves and there is enough', { production: undefined }, 'train', 'bootstrap'],
    ['a row is missing', { rows: 499 }, 'wait', 'too-few-rows'],
    ['a user is missing', { users: 19 }, 'wait', 'too-few-users'],
    ['a training runs', { isTraining: true }, 'wait', 'training'],
    ['an own release serves', { production: { release: 'r-own', provisional: false } }, 'wait', 'not-needed'],
    [
      'an own release serves while a training runs',
      { production: { release: 'r-own', provisional: false }, isTraining: true },
      'wait',
      'not-needed',
    ],
  ] as const)('when %s', (_, change, action, reason) => {
    expect(decide({ ...enough, ...change }, limits)).toMatchObject({ action, reason });
  });
});
