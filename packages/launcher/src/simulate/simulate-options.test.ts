import { UsageError } from '@liminal/shared/runtime/usage-error';
import { SCENARIOS } from '@liminal/simulator/label';
import { describe, expect, test } from 'vitest';
import { parseSimulateArguments } from './simulate-options.ts';

const NOW = Date.UTC(2026, 10, 23, 12);
const HOUR_MS = 3_600_000;
const parse = (...args: string[]) => parseSimulateArguments(args, NOW);
const trafficOf = (...args: string[]) => {
  const parsed = parse(...args);
  return parsed === 'help' ? undefined : parsed.traffic;
};

describe('arguments of simulate', () => {
  test('have defaults: the day up to now, into the backend of this machine', () => {
    expect(parse()).toEqual({
      traffic: { seed: 1, users: 300, startMs: NOW - 24 * HOUR_MS, endMs: NOW },
      target: { kind: 'backend', url: 'http://127.0.0.1:8000', speed: 'max' },
      labelsPath: undefined,
    });
  });

  test('are read', () => {
    expect(parse('--url', 'http://10.0.0.1:9', '--speed', '10x', '--seed', '0', '--users=7', '--labels', 'l')).toEqual({
      traffic: { seed: 0, users: 7, startMs: NOW - 24 * HOUR_MS, endMs: NOW },
      target: { kind: 'backend', url: 'http://10.0.0.1:9', speed: 10 },
      labelsPath: 'l',
    });
    expect(parse('--out', 'x')).toMatchObject({
      target: { kind: 'file', path: 'x' },
      labelsPath: 'x.labels.ndjson',
    });
    expect(parse('--out', 'x', '--labels', 'y')).toMatchObject({ labelsPath: 'y' });
    expect(parse('-h')).toBe('help');
  });

  test('name the period by any two of its start, end and length', () => {
    const from = '2026-11-22T00:00:00Z';
    const fromMs = Date.parse(from);
    expect(trafficOf('--hours', '1.5')).toMatchObject({ startMs: NOW - 1.5 * HOUR_MS, endMs: NOW });
    expect(trafficOf('--from', from)).toMatchObject({ startMs: fromMs, endMs: NOW });
    expect(trafficOf('--from', from, '--hours', '2')).toMatchObject({ startMs: fromMs, endMs: fromMs + 2 * HOUR_MS });
    expect(trafficOf('--to', from, '--hours', '2')).toMatchObject({ startMs: fromMs - 2 * HOUR_MS, endMs: fromMs });
    expect(trafficOf('--from', from, '--to', '2026-11-22T03:00+01:00')).toMatchObject({
      startMs: fromMs,
      endMs: fromMs + 2 * HOUR_MS,
    });
  });

  test('follow', () => {
    expect(parse('--follow', '--hours', '2')).toMatchObject({
      traffic: { startMs: NOW - 2 * HOUR_MS, endMs: NOW },
      target: { kind: 'backend', speed: 'live' },
    });
  });

  test('choose attacks', () => {
    expect(trafficOf('--attacks', 'none')?.attacks).toBe('none');
    expect(trafficOf('--attacks', '2')?.attacks).toEqual(Object.fromEntries(SCENARIOS.map((name) => [name, 2])));
    expect(trafficOf()?.attacks).toBeUndefined();
  });

  test.each([
    [['--follow', '--out', 'x'], /leave --out away/],
    [['--follow', '--speed', '2×'], /leave --speed away/],
    [['--follow', '--to', '2026-11-22T00:00:00Z'], /leave --to away/],
    [['--follow', '--from', '2026-11-22T00:00:00Z', '--hours', '1'], /give --from or --hours, not both/],
    [['--fast'], /--fast/],
    [['file'], /file/],
    [['--seed', '1.5'], /--seed 1.5 is not a whole number/],
    [['--seed', ''], /--seed {2}is not a whole number/],
    [['--users', '0'], /--users 0 is not a whole number of at least 1/],
    [['--hours', '0'], /--hours 0 is not a positive number/],
    [['--hours', '99999999'], /before 1970/],
    [['--from', 'yesterday'], /--from yesterday is not an ISO 8601 time/],
    [['--from', '2026-11-16'], /is not an ISO 8601 time with a zone/],
    [['--from', '2026-11-22T00:00:00Z', '--to', '2026-11-21T00:00:00Z'], /ends before it begins/],
    [['--from', '2026-11-22T00:00:00Z', '--to', '2026-11-23T00:00:00Z', '--hours', '2'], /one thing too many/],
    [['--to', '2026-11-24T00:00:00Z'], /lies in the future/],
    [['--from', '2026-11-23T11:00:00Z', '--hours', '2'], /lies in the future/],
    [['--out', 'x', '--url', 'http://a'], /leave them or --out away/],
    [['--attacks', 'many'], /--attacks many is not a whole number/],
  ])('%j are refused with one sentence', (args, message) => {
    const refused = () => parse(...args);
    expect(refused).toThrow(UsageError);
    expect(refused).toThrow(message);
    expect(refused).toThrow(/^[^\n]+$/);
  });
});
