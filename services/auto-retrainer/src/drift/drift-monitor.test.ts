import { VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import type { PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { Random } from '@liminal/shared/runtime/random';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { alarmRate } from './alarm-rate.ts';
import { DriftMonitor, type DriftMonitorOptions, effectOf } from './drift-monitor.ts';

const MINUTE_MS = 60_000;
const options: DriftMonitorOptions = {
  release: 'r-1',
  calibrationRows: 300,
  roundMs: 10 * MINUTE_MS,
  alertRate: 0.01,
  falseAlarmRate: 0.01,
};

/** 300 users, each with a vector every 10 s, of p-values that `pValue` draws. */
function* traffic(seed: number, fromMinute: number, toMinute: number, pValue: (random: Random) => number) {
  const random = new Random(seed);
  for (let ts = fromMinute * MINUTE_MS; ts < toMinute * MINUTE_MS; ts += 10_000) {
    const records = Array.from({ length: 300 }, (_, user) => record({ user: `u${user}`, ts, pValue: pValue(random) }));
    yield records;
  }
}

function record(given: Pick<PredictionRecord, 'user' | 'ts' | 'pValue'> & { release?: string }): PredictionRecord {
  return {
    seq: 1,
    values: new Float32Array(VECTOR_LENGTH).fill(Number.NaN),
    scores: {},
    severity: 'none',
    release: 'r-1',
    provisional: false,
    scoredAt: given.ts,
    ...given,
  } as PredictionRecord;
}

const uniform = (random: Random): number => random.next();
const strange = (random: Random): number => (random.next() < 0.3 ? 0.005 : random.next());

describe('DriftMonitor', () => {
  it('looks at each user once a round and says nothing without drift', () => {
    const monitor = new DriftMonitor(options);
    for (const records of traffic(1, 0, 60, uniform)) monitor.add(records);
    const report = monitor.report();
    expect(report.martingale).toMatchObject({ vectors: 1_800, isAlarm: false });
    expect(report.window.vectors).toBeGreaterThanOrEqual(300);
    expect(report.window.vectors).toBeLessThanOrEqual(310);
    expect(report.alerts.effect).toBe('none');
    expect(report.rowsSinceChange).toBe(0);
  });

  it('tells when vectors became stranger, what it does to alerts, and how many rows there are since', () => {
    const monitor = new DriftMonitor(options);
    for (const records of traffic(1, 0, 60, uniform)) monitor.add(records);
    for (const records of traffic(2, 60, 80, strange)) monitor.add(records);
    const { martingale, alerts, scores, rowsSinceChange } = monitor.report();
    expect(martingale).toMatchObject({ isAlarm: true, means: 'stranger' });
    expect(Math.abs(martingale.sinceTs! - 60 * MINUTE_MS)).toBeLessThan(3 * MINUTE_MS);
    expect(alerts.effect).toBe('raised');
    expect(scores.pValue).toBeLessThan(1e-6);
    expect(rowsSinceChange).toBeGreaterThanOrEqual(20 * 6 * 300);
    expect(rowsSinceChange).toBeLessThanOrEqual(31 * 6 * 300);
  });

  it('goes on from its stored state as if nothing had happened', () => {
    const packr = new Packr({ useRecords: false });
    const whole = new DriftMonitor(options);
    let resumed = new DriftMonitor(options);
    for (const records of traffic(3, 0, 12, strange)) {
      whole.add(records);
      resumed.add(records);
      resumed = new DriftMonitor(options, packr.unpack(packr.pack(resumed.state)));
    }
    expect(resumed.state).toEqual(whole.state);
  });

  it('begins anew with a new release and leaves out what others scored', () => {
    const monitor = new DriftMonitor(options);
    monitor.add([record({ user: 'a', ts: 0, pValue: 0.5, release: 'r-0' })]);
    expect(monitor.state.rounds).toEqual([]);
    for (const records of traffic(1, 0, 10, uniform)) monitor.add(records);
    const next = new DriftMonitor({ ...options, release: 'r-2' }, monitor.state);
    expect(next.report().martingale.vectors).toBe(0);
  });
});

describe('effectOf', () => {
  it.each([
    [1, 100, 'none'],
    [3, 100, 'none'],
    [6, 100, 'raised'],
    [0, 100, 'none'],
    [0, 1_000, 'lowered'],
    [10, 1_000, 'none'],
    [0, 0, 'none'],
  ] as const)('%d alarms among %d vectors at 1%%: %s', (alarms, vectors, effect) => {
    expect(effectOf(alarmRate(alarms, vectors), 0.01)).toBe(effect);
  });
});
