import { describe, expect, it } from 'vitest';
import { normalTraffic } from '../traffic.ts';
import { withNewClient } from './new-client.ts';

const HOUR_MS = 3_600_000;
const traffic = { seed: 1, startMs: 0, endMs: 6 * HOUR_MS, users: 40 };

describe('withNewClient', () => {
  it('doubles the requests from a moment on, and nothing else', () => {
    const before = [...normalTraffic(traffic)];
    const after = [...withNewClient(normalTraffic(traffic), 3 * HOUR_MS)];
    const late = before.filter(({ kind, ts }) => kind === 'request' && Number(ts) >= 3 * HOUR_MS).length;
    expect(late).toBeGreaterThan(50);
    expect(after).toHaveLength(before.length + late);
    expect(after.filter(({ id }) => !id!.endsWith('-again'))).toEqual(before);
    expect(new Set(after.map(({ id }) => id)).size).toBe(after.length);
  });

  it('stays in time order', () => {
    const times = [...withNewClient(normalTraffic(traffic), 0)].map(({ ts }) => Number(ts));
    expect(times).toEqual(times.toSorted((left, right) => left - right));
  });
});
