import { describe, expect, it } from 'vitest';
import { decide, type Limits, type Situation } from './policy.ts';

const DAY_MS = 86_400_000;
const NOW = 100 * DAY_MS;
const limits: Limits = {
  bootstrapMinRows: 500,
  bootstrapMinUsers: 20,
  driftMinRows: 1_000,
  maxAgeMs: 7 * DAY_MS,
  precisionFloor: 0.3,
  minVerdicts: 20,
  coolDownMs: DAY_MS,
};
const HOUR_MS = 3_600_000;
const factory = { release: 'r-factory', provisional: true, createdAt: NOW - DAY_MS, spanMs: DAY_MS };
const own = { release: 'r-own', provisional: false, createdAt: NOW - 2 * DAY_MS, spanMs: 3 * DAY_MS };
const old = { ...own, createdAt: NOW - 7 * DAY_MS };
const request = { by: 'ada', because: 'new client' };
const raised = { isAlarm: true, effect: 'raised', sinceTs: 5, rowsSinceChange: 1_000, spanMs: DAY_MS } as const;
const bare = { action: 'train', reason: 'feedback', because: '5 of 20 alarms were confirmed' };
const bad = { confirmed: 5, judged: 20 };

const quiet: Situation = {
  now: NOW,
  production: own,
  rows: 500,
  users: 20,
  isTraining: false,
  isPaused: false,
  lastEndedAt: undefined,
  failedInARow: 0,
  hasGoneBack: false,
  request: undefined,
  drift: { isAlarm: false, effect: 'none', sinceTs: null, rowsSinceChange: 0, spanMs: 0 },
  verdicts: undefined,
};

describe('decide', () => {
  it.each([
    ['nothing is the matter', {}, 'wait', 'not-needed'],
    ['the factory release serves and there is enough', { production: factory }, 'train', 'bootstrap'],
    ['nothing serves and there is enough', { production: undefined }, 'train', 'bootstrap'],
    ['a row is missing for the first release', { production: factory, rows: 499 }, 'wait', 'too-few-rows'],
    ['a user is missing for the first release', { production: factory, users: 19 }, 'wait', 'too-few-users'],
    ['the first release has just failed', { production: factory, lastEndedAt: NOW }, 'wait', 'cool-down'],
    ['the first release failed a minute ago', { production: factory, lastEndedAt: NOW - 60_000 }, 'train', 'bootstrap'],
    ['a training runs', { production: factory, isTraining: true }, 'wait', 'training'],
    ['a person asks', { request }, 'train', 'manual'],
    ['a person asks while all is paused', { request, isPaused: true }, 'train', 'manual'],
    ['a person asks in the cool-down', { request, lastEndedAt: NOW - 1 }, 'train', 'manual'],
    ['a person asks for what there are too few rows for', { request, rows: 1 }, 'wait', 'too-few-rows'],
    ['a person asks while a training runs', { request, isTraining: true }, 'wait', 'training'],
    ['drift moves alerts', { drift: raised }, 'train', 'drift'],
    ['drift makes alerts rare', { drift: { ...raised, effect: 'lowered' } }, 'train', 'drift'],
    ['drift moves no alerts', { drift: { ...raised, effect: 'none' } }, 'wait', 'drift-without-effect'],
    [
      'drift moves no alerts of an old release',
      { drift: { ...raised, effect: 'none' }, production: old },
      'train',
      'age',
    ],
    [
      'drift has just begun, and the release is old',
      { drift: { ...raised, rowsSinceChange: 9 }, production: old },
      'train',
      'age',
    ],
    ['drift moves alerts of an old release', { drift: raised, production: old }, 'train', 'drift'],
    [
      'a person has gone back to the factory release',
      { production: factory, lastEndedAt: NOW - 60_000, hasGoneBack: true },
      'wait',
      'cool-down',
    ],
    [
      'a person has gone back to the factory release long ago',
      { production: factory, lastEndedAt: NOW - DAY_MS, hasGoneBack: true },
      'train',
      'bootstrap',
    ],
    [
      'one release was refused a cool-down ago',
      { drift: raised, lastEndedAt: NOW - DAY_MS, failedInARow: 1 },
      'train',
      'drift',
    ],
    ['two were', { drift: raised, lastEndedAt: NOW - DAY_MS, failedInARow: 2 }, 'wait', 'cool-down'],
    [
      'two were, and twice as long ago',
      { drift: raised, lastEndedAt: NOW - 2 * DAY_MS, failedInARow: 2 },
      'train',
      'drift',
    ],
    [
      'many were, and 32 times as long ago',
      { drift: raised, lastEndedAt: NOW - 32 * DAY_MS, failedInARow: 99 },
      'train',
      'drift',
    ],
    ['alerts are many without drift', { drift: { ...raised, isAlarm: false } }, 'wait', 'not-needed'],
    ['drift has just begun', { drift: { ...raised, rowsSinceChange: 999 } }, 'wait', 'too-few-rows'],
    [
      'drift has not lasted for a day, and what serves has seen days',
      { drift: { ...raised, spanMs: DAY_MS - 1 } },
      'wait',
      'too-few-hours',
    ],
    [
      'drift has lasted for as long as what serves has seen',
      { drift: { ...raised, spanMs: HOUR_MS }, production: { ...own, spanMs: HOUR_MS } },
      'train',
      'drift',
    ],
    ['drift moves alerts while all is paused', { drift: raised, isPaused: true }, 'wait', 'paused'],
    ['drift moves alerts in the cool-down', { drift: raised, lastEndedAt: NOW - DAY_MS + 1 }, 'wait', 'cool-down'],
    ['drift moves alerts after the cool-down', { drift: raised, lastEndedAt: NOW - DAY_MS }, 'train', 'drift'],
    ['drift moves alerts while a training runs', { drift: raised, isTraining: true }, 'wait', 'training'],
    ['the release is old', { production: old }, 'train', 'age'],
    ['the release is old and all is paused', { production: old, isPaused: true }, 'wait', 'paused'],
    ['the release is nearly old', { production: { ...old, createdAt: old.createdAt + 1 } }, 'wait', 'not-needed'],
    ['nothing is known of drift', { drift: undefined }, 'wait', 'not-needed'],
    ['verdicts are bad', { verdicts: bad }, 'train', 'feedback'],
    ['verdicts are bad and there is drift', { verdicts: bad, drift: raised }, 'train', 'feedback'],
    ['verdicts are bad in the cool-down', { verdicts: bad, lastEndedAt: NOW }, 'wait', 'cool-down'],
    ['verdicts are few', { verdicts: { confirmed: 0, judged: 19 } }, 'wait', 'not-needed'],
    ['verdicts are at the floor', { verdicts: { confirmed: 6, judged: 20 } }, 'wait', 'not-needed'],
  ] as const)('when %s', (_, change, action, reason) => {
    expect(decide({ ...quiet, ...change }, limits)).toMatchObject({ action, reason });
  });

  it('trains on the rows since the drift began', () => {
    expect(decide({ ...quiet, drift: raised }, limits)).toMatchObject({ sinceTs: 5 });
  });

  it.each([
    ['where there is drift, whatever the alarm rate', { ...raised, effect: 'none' }, { ...bare, sinceTs: 5 }],
    ['unless there are few rows since', { ...raised, rowsSinceChange: 999 }, bare],
    ['unless there are few hours since', { ...raised, spanMs: HOUR_MS }, bare],
    ['unless there is none', { ...raised, isAlarm: false }, bare],
  ] as const)('trains on them also when verdicts are bad, %s', (_, drift, decision) => {
    expect(decide({ ...quiet, verdicts: bad, drift }, limits)).toEqual(decision);
  });
});
