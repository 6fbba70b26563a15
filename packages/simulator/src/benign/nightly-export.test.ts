import { expect, it } from 'vitest';
import { normalTraffic } from '../traffic.ts';
import { withNightlyExports } from './nightly-export.ts';

const startMs = Date.UTC(2026, 0, 12);
const span = { startMs, endMs: startMs + 2 * 86_400_000 };
const traffic = () => normalTraffic({ seed: 5, ...span, users: 20 });
const jobs = [{ user: 'ada.adler', host: 7 }];
const timeOf = ({ ts }: { ts: number | string }): number => Number(ts);

it('adds a job a night, in time order, and changes nothing else', () => {
  const before = [...traffic()];
  const after = [...withNightlyExports(traffic(), jobs, span)];
  const isExport = ({ id }: { id?: string | undefined }): boolean => id!.startsWith('export-');
  expect(after.filter((event) => !isExport(event))).toEqual(before);
  expect(after.map(timeOf)).toEqual(after.map(timeOf).sort((left, right) => left - right));
  const exported = after.filter(isExport);
  expect(exported.every(({ user }) => user === 'ada.adler')).toBe(true);
  expect(new Set(exported.map(({ id }) => id)).size).toBe(exported.length);
  const byNight = Map.groupBy(exported, (event) => Math.floor((timeOf(event) - startMs) / 86_400_000));
  expect([...byNight.keys()]).toEqual([0, 1]);
  for (const night of byNight.values()) {
    const minutes = (timeOf(night.at(-1)!) - timeOf(night[0]!)) / 60_000;
    expect(minutes).toBeGreaterThan(15);
    expect(night.length / minutes).toBeGreaterThan(40);
    expect(new Date(timeOf(night[0]!)).getUTCHours()).toBe(2);
  }
});

it('is the same again', () => {
  expect([...withNightlyExports(traffic(), jobs, span)]).toEqual([...withNightlyExports(traffic(), jobs, span)]);
});
