import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { VECTOR_LENGTH } from './feature-vector.ts';
import {
  decodePrediction,
  decodePredictions,
  encodePredictions,
  type PredictionRecord,
  toPrediction,
} from './prediction-batch.ts';
import { UndecodableError } from './undecodable-error.ts';

const record: PredictionRecord = {
  user: 'ada',
  ts: Date.UTC(2026, 0, 5, 12, 3, 42),
  seq: 7,
  values: new Float32Array(VECTOR_LENGTH).fill(2),
  forecast: { forecaster: 'lstm', load: 7.5, lower: 2, upper: 19.25 },
  checked: { forecaster: 'ewma', load: 3, lower: Number.NaN, upper: Number.NaN, minuteTs: 120_000, actual: 4 },
  scores: { lstm: { score: 1.5, pValue: 0.25 } },
  pValue: 0.25,
  severity: 'none',
  release: 'r1',
  provisional: false,
  scoredAt: 1_000,
};

describe('packed predictions', () => {
  it('come out as they went in', () => {
    const bare = { ...record, forecast: null, checked: null };
    const withIp = { ...record, ip: '2001:db8::1' };
    expect(decodePredictions(encodePredictions([record, bare, withIp]))).toEqual([record, bare, withIp]);
  });

  it('say what held them back', () => {
    const suppressed = { severity: 'critical', reason: 'rule', rule: 'export-job-1' } as const;
    const held = { ...record, suppressed };
    expect(decodePredictions(encodePredictions([held, record]))).toEqual([held, record]);
    expect(toPrediction(held)).toMatchObject({ severity: 'none', anomaly: false, suppressed });
    expect(toPrediction(record)).not.toHaveProperty('suppressed');
  });

  it('of before there were forecasts have none', () => {
    const packr = new Packr({ useRecords: false });
    const [version, [packed]] = packr.unpack(encodePredictions([record])) as [number, [unknown[]]];
    const older = packr.pack([version, [packed.slice(0, 10)]]);
    expect(decodePrediction(older)).toEqual({ ...record, forecast: null, checked: null });
  });

  it('with a forecaster that this version does not know are refused', () => {
    const packr = new Packr({ useRecords: false });
    const [version, [packed]] = packr.unpack(encodePredictions([record])) as [number, [unknown[]]];
    const newer = packr.pack([version, [packed.with(10, [9, 1, 1, 1])]]);
    expect(() => decodePrediction(newer)).toThrow(UndecodableError);
  });

  it('show forecast and actual load side by side, each with its minute', () => {
    expect(toPrediction(record).load).toEqual({
      forecast: { minute: Date.UTC(2026, 0, 5, 12, 3), forecaster: 'lstm', load: 7.5, interval: [2, 19.25] },
      checked: { minute: 120_000, forecaster: 'ewma', load: 3, interval: null, actual: 4 },
    });
  });
});
