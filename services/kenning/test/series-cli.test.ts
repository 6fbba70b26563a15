import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Random } from '@liminal/shared/runtime/random';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, describe, expect, it } from 'vitest';
import { runHere } from './run-kenning.ts';

const directory = mkdtempSync(join(tmpdir(), 'liminal-series-'));
const at = (name: string): string => join(directory, name);
afterAll(() => rmSync(directory, { recursive: true }));

const INTERVAL_MINUTES = 5;
const DAY = (24 * 60) / INTERVAL_MINUTES;
const ROWS = 8 * DAY;
/** Nothing comes from here for two hours. */
const OUTAGE = 6 * DAY + 100;
const OUTAGE_ROWS = 24;

interface Row {
  timestamp: string;
  value: string;
  incident: number;
}

/** Requests by day and night, one row in 5 minutes, some of them missing. */
function requests(): Row[] {
  const random = new Random(4);
  return Array.from({ length: ROWS }, (_, row) => {
    const level = 300 * (1.3 + Math.cos((2 * Math.PI * row) / DAY));
    const isOut = row >= OUTAGE && row < OUTAGE + OUTAGE_ROWS;
    const value = isOut ? 0 : Math.round(level + Math.sqrt(level) * random.normal());
    const time = new Date(Date.UTC(2026, 2, 2) + row * INTERVAL_MINUTES * 60_000).toISOString();
    return {
      timestamp: time.slice(0, 19).replace('T', ' '),
      value: row % 211 === 210 ? '' : String(value),
      incident: Number(isOut),
    };
  });
}
const rows = requests();
const csvOf = (part: readonly Row[]): string =>
  `timestamp,value\n${part.map(({ timestamp, value }) => `${timestamp},${value}\n`).join('')}`;
writeFileSync(at('requests.csv'), csvOf(rows));
writeFileSync(at('past.csv'), csvOf(rows.slice(0, 5 * DAY)));
writeFileSync(at('new.csv'), csvOf(rows.slice(5 * DAY)));
writeFileSync(
  at('labelled.csv'),
  `incident,value,timestamp\n${rows.map((row) => `${row.incident},${row.value},${row.timestamp}\n`).join('')}`,
);

async function kenning(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runHere(args);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

async function refusal(...args: string[]): Promise<{ code: number | null; message: string }> {
  const { code, stderr } = await runHere(args);
  return { code, message: stderr.trim().split('\n').at(-1)! };
}

const lines = (text: string): string[] => text.trimEnd().split('\n');

describe('kenning score of a time series', () => {
  it('tells score, alarm and what was expected of each row', async () => {
    const [header, ...scored] = lines(await kenning('score', at('requests.csv')));
    expect(header).toBe('timestamp,value,score,alarm,severity,expected,expected_low,expected_high,status');
    expect(scored).toHaveLength(ROWS);
    const cells = scored.map((line) => line.split(','));
    expect(cells.map(([timestamp, value]) => [timestamp, value])).toEqual(
      rows.map(({ timestamp, value }) => [timestamp, value]),
    );
    expect(cells[0]!.slice(2)).toEqual(['', '0', 'none', '', '', '', 'warming-up']);
    expect(cells[210]!.slice(2, 5)).toEqual(['', '0', 'none']);
    expect(cells[210]!.at(-1)).toBe('missing');
    const alarms = [...cells.keys()].filter((row) => cells[row]![3] === '1');
    const [alarm] = alarms;
    expect(alarm! - OUTAGE).toBeGreaterThanOrEqual(0);
    expect(alarm! - OUTAGE).toBeLessThan(4);
    expect(Number(cells[alarm!]![6])).toBeGreaterThan(0);
    expect(['warning', 'critical']).toContain(cells[alarm!]![4]);
    // What the outage makes of the hours after it is news too, but nothing else is.
    expect(alarms.every((row) => row < OUTAGE + OUTAGE_ROWS + 12)).toBe(true);
  });

  it('goes on where a training stood as if it had never stopped', async () => {
    await kenning('train', at('past.csv'), '--out', at('past.json'));
    const whole = lines(await kenning('score', at('requests.csv')));
    const [, ...after] = lines(await kenning('score', at('new.csv'), '--model', at('past.json')));
    expect(after).toEqual(whole.slice(1 + 5 * DAY));
  });

  it('judges the increase of a counter, also over resets and from one file to the next', async () => {
    let reading = 1_000;
    const readings = rows.map((row, index) => {
      // It begins again twice; the reading that is missing leaves two increases unknown.
      if (index === 3 * DAY || index === 6 * DAY + 7) reading = 0;
      reading += Number(row.value);
      return { ...row, value: row.value === '' ? '' : String(reading) };
    });
    writeFileSync(at('counter.csv'), csvOf(readings));
    writeFileSync(at('counter-past.csv'), csvOf(readings.slice(0, 5 * DAY)));
    writeFileSync(at('counter-new.csv'), csvOf(readings.slice(5 * DAY)));
    const whole = lines(await kenning('score', at('counter.csv'), '--counter'));
    const increases = whole.slice(1).map((line) => line.split(',')[1]);
    const isMissing = (row: number): boolean => row % 211 === 210;
    expect(increases).toEqual(
      rows.map(({ value }, row) => (row === 0 || isMissing(row) || isMissing(row - 1) ? '' : value)),
    );
    const alarms = [...whole.keys()].filter((line) => whole[line]!.split(',')[3] === '1');
    expect(alarms[0]! - 1 - OUTAGE).toBeLessThan(4);
    expect(alarms[0]! - 1 - OUTAGE).toBeGreaterThanOrEqual(0);
    await kenning('train', at('counter-past.csv'), '--counter', '--out', at('counter.json'));
    const [, ...after] = lines(await kenning('score', at('counter-new.csv'), '--model', at('counter.json')));
    expect(after).toEqual(whole.slice(1 + 5 * DAY));
  });

  it('writes Parquet, and reads what is packed, parted and written otherwise', async () => {
    const other = csvOf(rows).replaceAll(',', ';').replaceAll(' ', 'T').replaceAll('\n', '\r\n');
    writeFileSync(at('other.csv.gz'), gzipSync(other.replaceAll(/T(\S+);/g, 'T$1Z;')));
    await kenning('score', at('other.csv.gz'), '--out', at('scores.parquet'));
    const bytes = readFileSync(at('scores.parquet'));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    const read = (await parquetReadObjects({ file })) as Record<string, unknown>[];
    const plain = lines(await kenning('score', at('requests.csv'))).slice(1);
    expect(read.map(({ score, alarm }) => [score, Number(alarm)])).toEqual(
      plain
        .map((line) => line.split(','))
        .map(([, , score, alarm]) => [score === '' ? Number.NaN : Number(score), Number(alarm)]),
    );
    expect(read[0]).toMatchObject({ timestamp: '2026-03-02T00:00:00Z', status: 'warming-up', severity: 'none' });
  });

  it('passes over rows that are out of order, and says how many', async () => {
    const disordered = [...rows.slice(0, 600), ...rows.slice(500, 510), ...rows.slice(600)];
    writeFileSync(at('disordered.csv'), csvOf(disordered));
    const { code, stdout, stderr } = await runHere(['score', at('disordered.csv')]);
    expect(code).toBe(0);
    expect(stderr).toContain('10 rows are not later than a row before them');
    const [header, ...scored] = lines(stdout);
    expect(scored.filter((line) => line.endsWith(',late'))).toHaveLength(10);
    const inOrder = scored.filter((line) => !line.endsWith(',late'));
    expect([header, ...inOrder]).toEqual(lines(await kenning('score', at('requests.csv'))));
  });
});

describe('kenning train of a time series', () => {
  it('gives the same file for the same rows', async () => {
    await kenning('train', at('past.csv'), '--out', at('first.json'));
    await kenning('train', at('past.csv'), '--out', at('again.json'));
    expect(readFileSync(at('again.json'), 'utf8')).toBe(readFileSync(at('first.json'), 'utf8'));
    expect(JSON.parse(readFileSync(at('first.json'), 'utf8'))).toMatchObject({
      format: 'kenning-series',
      from: '2026-03-02T00:00:00.000Z',
      through: '2026-03-06T23:55:00.000Z',
      rows: 5 * DAY,
      intervalMs: 300_000,
      options: { scale: 'linear', warmUpLength: DAY, silenceMinutes: 12, alarmThreshold: 2 },
    });
  });

  it('chooses the threshold by the alarms that it may give', async () => {
    const random = new Random(9);
    const spiky = rows.slice(0, 5 * DAY).map((row, index) => {
      // One in three hours, of many heights.
      const spike = index % 36 === 35 ? Math.round(400 + random.exponential(2_000)) : 0;
      return { ...row, value: row.value === '' ? '' : String(Number(row.value) + spike) };
    });
    writeFileSync(at('spiky.csv'), csvOf(spiky));
    const trained: { threshold: number; alarms: number }[] = [];
    for (const alarmsPerDay of ['0', '0.5', '2']) {
      const given = ['--alarms-per-day', alarmsPerDay, '--out', at('by.json')];
      const { stderr } = await runHere(['train', at('spiky.csv'), ...given]);
      const { alarmThreshold } = JSON.parse(readFileSync(at('by.json'), 'utf8')).options;
      trained.push({ threshold: alarmThreshold, alarms: Number(/gives (\d+) alarms/.exec(stderr)![1]) });
    }
    // Four days are judged. One threshold may give fewer than wanted and the next lower one already more.
    const [none, few, many] = trained.map(({ alarms }) => alarms);
    expect(none).toBe(0);
    expect([1, 2]).toContain(few);
    expect([5, 6, 7, 8]).toContain(many);
    expect(trained[0]!.threshold).toBeGreaterThan(trained[1]!.threshold);
    expect(trained[1]!.threshold).toBeGreaterThan(trained[2]!.threshold);
  });

  it('can choose no threshold that a standstill does not reach', async () => {
    const stuck = rows.slice(0, 5 * DAY).map((row, index) => ({ ...row, value: index > 4 * DAY ? '333' : row.value }));
    writeFileSync(at('stuck.csv'), csvOf(stuck));
    const { stderr } = await runHere(['train', at('stuck.csv'), '--alarms-per-day', '0', '--out', at('stuck.json')]);
    expect(JSON.parse(readFileSync(at('stuck.json'), 'utf8')).options.alarmThreshold).toBeLessThan(100);
    expect(stderr).toMatch(/gives [1-9]\d* alarms/);
  });

  it('takes options of the detector', async () => {
    const given = ['--option', 'scale=square-root', '--option', 'warmUpLength=120', '--interval', '10m'];
    await kenning('train', at('past.csv'), ...given, '--out', at('options.json'));
    const { options, intervalMs } = JSON.parse(readFileSync(at('options.json'), 'utf8'));
    expect({ options, intervalMs }).toMatchObject({
      options: { scale: 'square-root', warmUpLength: 120 },
      intervalMs: 600_000,
    });
  });
});

describe('kenning evaluate of a time series', () => {
  it('compares alarms and scores with labels', async () => {
    const evaluation = JSON.parse(await kenning('evaluate', at('labelled.csv'), '--label', 'incident', '--json'));
    expect(evaluation).toMatchObject({ rows: ROWS, anomalies: 1, foundAnomalies: 1, recall: 1 });
    expect(evaluation.precision).toBeGreaterThanOrEqual(0.5);
    expect(evaluation.medianDelayMs).toBeLessThan(4 * INTERVAL_MINUTES * 60_000);
    expect(evaluation.auroc).toBeGreaterThan(0.6);
    const text = await kenning('evaluate', at('labelled.csv'), '--label', 'incident');
    expect(text).toContain('anomalies found     1 of 1');
  });

  it('judges only what is new to a trained detector', async () => {
    await kenning('train', at('past.csv'), '--out', at('seen.json'));
    const given = ['--label', 'incident', '--model', at('seen.json'), '--json'];
    const { stdout, stderr } = await runHere(['evaluate', at('labelled.csv'), ...given]);
    expect(stderr).toContain(`${5 * DAY} rows are not later`);
    const missing = rows.slice(5 * DAY).filter(({ value }) => value === '').length;
    expect(JSON.parse(stdout)).toMatchObject({ judgedRows: 3 * DAY - missing, foundAnomalies: 1 });
  });

  it('does without anomalies', async () => {
    const calm = rows.slice(0, 3 * DAY).map((row) => `${row.timestamp},${row.value},0\n`);
    writeFileSync(at('calm.csv'), `timestamp,value,y\n${calm.join('')}`);
    const evaluation = JSON.parse(await kenning('evaluate', at('calm.csv'), '--label', 'y', '--json'));
    expect(evaluation).toMatchObject({ anomalies: 0, recall: null, medianDelayMs: null, auroc: null });
  });
});

describe('what kenning refuses of a time series', () => {
  it.each([
    ['timestamp,value\nyesterday,1\n', 'line 2, column "timestamp": "yesterday" is not a time'],
    ['timestamp,value\n2026-03-02,many\n', 'line 2, column "value": "many" is not a number'],
    ['timestamp,value\n', 'has no rows'],
    ['timestamp,value\n2026-03-02,1\n', 'it takes two rows with different times'],
  ])('the file %j', async (text, message) => {
    writeFileSync(at('broken.csv'), text);
    expect(await refusal('score', at('broken.csv'))).toEqual({ code: 1, message: expect.stringContaining(message) });
  });

  it.each([
    [['--option', 'k=3'], 'A time series has no option k; it has scale'],
    [['--option', 'scale=log'], 'the value must be linear or square-root'],
    [['--option', 'alarmThreshold=-1'], 'alarmThreshold must be above 0'],
    [['--option', 'historyLength=x'], 'the value must be a number'],
    [['--counter', '--normal-only', '--label', 'y'], '--normal-only does not go with this file'],
    [['--interval', 'often'], '--interval often is not a number of seconds'],
    [['--model', 'isolation-forest'], '--model does not go with this file: it is a time series'],
    [['--seed', '3'], '--seed does not go with this file'],
    [['--alarms-per-day', 'few'], '--alarms-per-day few is not a number'],
  ])('the arguments %j', async (given, message) => {
    const refused = await refusal('train', at('past.csv'), ...given, '--out', at('refused.json'));
    expect(refused).toEqual({ code: 2, message: expect.stringContaining(message) });
    expect(existsSync(at('refused.json'))).toBe(false);
  });

  it('a model that is none, that is broken, or that has seen all of it', async () => {
    await kenning('train', at('past.csv'), '--out', at('good.json'));
    const message = async (model: string): Promise<string> =>
      (await refusal('score', at('past.csv'), '--model', at(model))).message;
    expect(await message('past.csv')).toContain('is not a model of a time series');
    expect(await message('nowhere.json')).toContain("can't be read (ENOENT)");
    const { state, ...rest } = JSON.parse(readFileSync(at('good.json'), 'utf8'));
    writeFileSync(at('cut.json'), JSON.stringify({ ...rest, state: state.slice(0, 400) }));
    expect(await message('cut.json')).toContain('is broken');
    expect(await message('good.json')).toContain('ends before the model does');
  });

  it('options of a series with a table, and the other way round', async () => {
    writeFileSync(at('table.csv'), 'timestamp,value,other\n2026,1,2\n2027,2,3\n');
    expect((await refusal('score', at('table.csv'), '--model', 'm', '--interval', '5m')).message).toContain(
      '--interval does not go with this file: it is a table',
    );
    expect((await refusal('train', at('table.csv'), '--out', at('x'))).message).toContain('--model is missing');
    const excluded = lines(await kenning('score', at('labelled.csv'), '--exclude', 'incident'));
    expect(excluded).toHaveLength(ROWS + 1);
  });
});
