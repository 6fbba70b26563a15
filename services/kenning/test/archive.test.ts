import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type ModelStore, openModelStore } from '@liminal/shared/adapters/model-store';
import { StoreUnreachableError } from '@liminal/shared/adapters/object-errors';
import { FEATURE_COUNT, FEATURE_NAMES, LOAD_HISTORY_MINUTES } from '@liminal/shared/contracts/feature-vector';
import { archiveSummarySchema, TRAINING_COLUMNS, trainingKeys } from '@liminal/shared/contracts/training-rows';
import { S3_TEST_CREDENTIALS, startS3Server } from '@liminal/shared/testing/s3-server';
import { parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ReadTrainingRowsOptions, readTrainingRows } from '../src/archive/archive-reader.ts';
import { ArchiveWriter, MAX_ROWS_PER_PART } from '../src/archive/archive-writer.ts';
import { decodePart, encodePart } from '../src/archive/part-codec.ts';
import { partKey } from '../src/archive/part-key.ts';
import type { TrainingRow } from '../src/archive/training-row.ts';
import { UnreadablePartError } from '../src/archive/unreadable-part-error.ts';
import { CrashError, FailingStore } from './failing-store.ts';
import { FIRST_TS, trainingRows } from './training-rows.ts';

let directory: string;
let store: ModelStore;
let warnings: string[];
const log = { warn: (_: object, message: string) => warnings.push(message) };
const clock = () => FIRST_TS;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'liminal-archive-'));
  store = openModelStore(`file:${directory}`);
  warnings = [];
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const openWriter = (target: ModelStore = store, maxRows = 1_000_000) =>
  ArchiveWriter.open({ store: target, maxRows, clock, log });
const readAll = (options: Partial<ReadTrainingRowsOptions> = {}) =>
  readTrainingRows(store, { maxRows: 1_000_000, log, ...options });

const featuresOf = (rows: readonly TrainingRow[]) =>
  Float32Array.from(rows.flatMap(({ values }) => Array.from(values.subarray(0, FEATURE_COUNT))));
const loadHistoryOf = (rows: readonly TrainingRow[]) =>
  Float32Array.from(rows.flatMap(({ values }) => Array.from(values.subarray(FEATURE_COUNT))));

const storedSummary = async () =>
  archiveSummarySchema.parse(JSON.parse(Buffer.from(await store.get(trainingKeys.summary)).toString()));

describe('a part', () => {
  it('gives back every row, bit for bit, NaN and extreme values included', async () => {
    const rows = trainingRows(2_500);
    rows[7]!.values.set([0, -0, 1e-45, 3.4028234663852886e38, Number.NaN, -1, 1 / 3]);
    rows[8]!.user = 'ip:2001:db8::1 \u{1F600} ü';
    const part = await decodePart(await encodePart(rows), { loadHistory: true });
    expect(part.rows).toBe(rows.length);
    expect(part.users).toEqual(rows.map(({ user }) => user));
    expect(Array.from(part.ts)).toEqual(rows.map(({ ts }) => ts));
    expect(Array.from(part.seqs)).toEqual(rows.map(({ seq }) => seq));
    expect(part.features).toEqual(featuresOf(rows));
    expect(Object.is(part.features[7 * FEATURE_COUNT + 1], -0)).toBe(true);
    expect(part.loadHistory).toEqual(loadHistoryOf(rows));
  });

  it('shows any Parquet reader its columns by name', async () => {
    const [row] = trainingRows(1);
    row!.scores = { 'isolation-forest': { score: 0.61, pValue: 0.2 }, lstm: { score: -3, pValue: 0.004 } };
    const bytes = await encodePart([row!]);
    const [object] = await parquetReadObjects({ file: Uint8Array.from(bytes).buffer });
    expect(object).toMatchObject({
      user: row!.user,
      ts: BigInt(row!.ts),
      seq: row!.seq,
      score_isolation_forest: 0.61,
      p_value_isolation_forest: 0.2,
      score_lstm: -3,
      p_value_lstm: 0.004,
      p_value: row!.pValue,
      severity: row!.severity,
      release: row!.release,
    });
    for (const [index, name] of FEATURE_NAMES.entries()) expect(object![name]).toEqual(row!.values[index]);
    for (let minute = 0; minute < LOAD_HISTORY_MINUTES; minute++) {
      expect(object![TRAINING_COLUMNS.load(minute)]).toEqual(row!.values[FEATURE_COUNT + minute]);
    }
    expect(object).not.toHaveProperty('score_autoencoder');
  });

  it('is the same bytes for the same rows', async () => {
    const rows = trainingRows(300);
    expect(Buffer.from(await encodePart(rows)).equals(await encodePart(trainingRows(300)))).toBe(true);
  });

  it('is refused when it is damaged, cut short or something else', async () => {
    const bytes = await encodePart(trainingRows(50));
    for (const damaged of [new Uint8Array(), Buffer.from('no parquet'), bytes.slice(0, -1), bytes.slice(100)]) {
      await expect(decodePart(damaged)).rejects.toThrow(UnreadablePartError);
    }
    const overwritten = Uint8Array.from(bytes).fill(0xff, 4, bytes.byteLength / 2);
    await expect(decodePart(overwritten)).rejects.toThrow(UnreadablePartError);
  });

  it('is refused when it is of another feature schema', async () => {
    const bytes = Buffer.from(await encodePart(trainingRows(5)));
    const at = bytes.lastIndexOf('liminal.feature_schema');
    const version = bytes.indexOf('1', at);
    bytes.write('2', version);
    await expect(decodePart(bytes)).rejects.toThrow(/feature schema is 2/);
  });

  it('lets the event loop have its turn while it is encoded', async () => {
    const rows = trainingRows(MAX_ROWS_PER_PART);
    await encodePart(rows); // compiled by now
    let turns = 0;
    let longestMs = 0;
    let last = performance.now();
    let next: NodeJS.Immediate;
    const turn = (): void => {
      const now = performance.now();
      longestMs = Math.max(longestMs, now - last);
      last = now;
      turns++;
      next = setImmediate(turn);
    };
    next = setImmediate(turn);
    await encodePart(rows);
    clearImmediate(next);
    console.info(`encoding ${rows.length} rows: the event loop waited ${longestMs.toFixed(1)} ms at most`);
    // Turns and not times: the machine may be busy with something else.
    expect(turns).toBeGreaterThanOrEqual(MAX_ROWS_PER_PART / 1_000 - 1);
  });
});

describe('the archive', () => {
  it('is empty at first, and says so', async () => {
    const writer = await openWriter();
    expect(writer.summary).toMatchObject({ rows: 0, users: 0, fromTs: null, toTs: null });
    expect(await storedSummary()).toEqual(writer.summary);
    expect(await readAll()).toMatchObject({ rows: 0, partsRead: 0, partsSkipped: 0 });
  });

  it('gives back what was written, in the order of event time', async () => {
    const rows = trainingRows(900);
    const writer = await openWriter();
    await writer.write(1, '2-0', rows.slice(600));
    await writer.write(0, '1-5', rows.slice(0, 300));
    await writer.write(1, '1-5', rows.slice(300, 600));
    const read = await readAll({ loadHistory: true });
    expect(read).toMatchObject({ rows: 900, partsRead: 3, partsSkipped: 0, duplicates: 0 });
    expect(read.users).toEqual(rows.map(({ user }) => user));
    expect(Array.from(read.ts)).toEqual(rows.map(({ ts }) => ts));
    expect(read.features).toEqual(featuresOf(rows));
    expect(read.loadHistory).toEqual(loadHistoryOf(rows));
    expect((await readAll()).loadHistory).toBeNull();
  });

  it('has the same hash however the rows were cut into parts, and another for other rows', async () => {
    const rows = trainingRows(400);
    const hashes = new Set<string>();
    for (const cut of [1, 150, 399]) {
      await rm(directory, { recursive: true });
      const writer = await openWriter();
      await writer.write(0, '1-0', rows.slice(0, cut));
      await writer.write(cut % 8, '2-0', rows.slice(cut));
      hashes.add((await readAll()).sha256);
    }
    expect(hashes.size).toBe(1);
    const writer = await openWriter();
    const changed = trainingRows(400).slice(399);
    changed[0]!.values[3] = 42;
    await writer.write(399 % 8, '2-0', changed);
    const hash = (await readAll()).sha256;
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(hashes).not.toContain(hash);
  });

  it('counts nothing twice when a part is written again, with the same or with more rows', async () => {
    const rows = trainingRows(100);
    const writer = await openWriter();
    await writer.write(0, '1-0', rows.slice(0, 60));
    await writer.write(0, '1-0', rows.slice(0, 60));
    expect(writer.summary).toMatchObject({ rows: 60, parts: 1 });
    await writer.write(0, '1-0', rows);
    expect(writer.summary).toMatchObject({ rows: 100, parts: 1 });
    expect((await readAll()).rows).toBe(100);
  });

  it('counts a row once that lies in two parts, and takes the newer one', async () => {
    const older = trainingRows(10);
    const newer = trainingRows(10);
    newer[4]!.values[0] = 77;
    const writer = await openWriter();
    await writer.write(0, '2-0', newer.slice(3));
    await writer.write(0, '1-0', older.slice(0, 6));
    const read = await readAll();
    expect(read).toMatchObject({ rows: 10, duplicates: 3 });
    expect(read.features[4 * FEATURE_COUNT]).toBe(77);
  });

  it('reads a span of event time, both ends included, and no part without a row of it', async () => {
    const rows = trainingRows(500);
    const writer = await openWriter();
    for (let part = 0; part < 5; part++) {
      await writer.write(part, `${part + 1}-0`, rows.slice(part * 100, (part + 1) * 100));
    }
    const read = await readAll({ sinceTs: rows[150]!.ts, untilTs: rows[249]!.ts });
    expect(Array.from(read.seqs)).toEqual(Array.from({ length: 100 }, (_, index) => 151 + index));
    expect(read).toMatchObject({ partsRead: 2, holdOut: null });
    const newest = await readAll({ untilTs: rows[249]!.ts, maxRows: 10 });
    expect(Array.from(newest.seqs)).toEqual(Array.from({ length: 10 }, (_, index) => 241 + index));
  });

  it('keeps the newest share of the rows out, and tells which those are', async () => {
    const rows = trainingRows(100);
    const writer = await openWriter();
    await writer.write(0, '1-0', rows);
    const read = await readAll({ holdOutShare: 0.2 });
    expect(read.rows).toBe(80);
    expect(read.ts.at(-1)).toBe(rows[79]!.ts);
    expect(read.holdOut).toEqual({ rows: 20, fromTs: rows[80]!.ts, toTs: rows[99]!.ts });
    const limited = await readAll({ holdOutShare: 0.5, maxRows: 10 });
    expect(Array.from(limited.seqs)).toEqual([91, 92, 93, 94, 95]);
  });

  it('reads the newest rows up to the limit, and no more parts than it needs', async () => {
    const rows = trainingRows(500);
    const writer = await openWriter();
    for (let part = 0; part < 5; part++) {
      await writer.write(part % 2, `${part + 1}-0`, rows.slice(part * 100, part * 100 + 100));
    }
    const read = await readAll({ maxRows: 150 });
    expect(read).toMatchObject({ rows: 150, partsRead: 2 });
    expect(Array.from(read.ts)).toEqual(rows.slice(350).map(({ ts }) => ts));
  });

  it('leaves out what it can not read, counts it and says so', async () => {
    const rows = trainingRows(300);
    const writer = await openWriter();
    for (let part = 0; part < 3; part++)
      await writer.write(0, `${part + 1}-0`, rows.slice(part * 100, part * 100 + 100));
    await store.put(partKey(0, '2-0').key, Buffer.from('PAR1 damaged PAR1'));
    await store.put('training/rows/notes.txt', Buffer.from('not a part'));
    expect(await readAll()).toMatchObject({ rows: 200, partsRead: 2, partsSkipped: 1 });
    expect(warnings.toSorted()).toEqual([
      'object among the training rows is no part of the archive',
      'part of the training archive can not be read and is left out',
    ]);
    expect((await openWriter()).summary).toMatchObject({ rows: 200, parts: 2 });
  });

  it('does not take a store that is away for an empty archive', async () => {
    const server = await startS3Server();
    const bucket = openModelStore(server.urlOf('models'), S3_TEST_CREDENTIALS);
    const writer = await openWriter(bucket);
    await writer.write(0, '1-0', trainingRows(10));
    await server.stop();
    await expect(readTrainingRows(bucket, { maxRows: 10, log })).rejects.toThrow(StoreUnreachableError);
    await expect(openWriter(bucket)).rejects.toThrow(StoreUnreachableError);
    await expect(writer.write(0, '2-0', trainingRows(10))).rejects.toThrow(StoreUnreachableError);
    await server.restart();
    await writer.write(0, '2-0', trainingRows(10, { seed: 2, firstTs: FIRST_TS + 60_000 }));
    expect(await readTrainingRows(bucket, { maxRows: 100, log })).toMatchObject({ rows: 20, partsRead: 2 });
    bucket.close();
    await server.close();
  });

  it('stops reading when it is told to', async () => {
    const writer = await openWriter();
    await writer.write(0, '1-0', trainingRows(10));
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(readTrainingRows(store, { maxRows: 10, log, signal })).rejects.toThrow('enough');
  });

  it('refuses a part that is too large', async () => {
    const writer = await openWriter();
    await expect(writer.write(0, '1-0', trainingRows(MAX_ROWS_PER_PART + 1))).rejects.toThrow(RangeError);
    await writer.write(0, '1-0', []);
    expect(await store.list(trainingKeys.rowsPrefix)).toEqual([]);
  });
});

describe('the summary', () => {
  it('is the same after a restart', async () => {
    const writer = await openWriter();
    await writer.write(0, '1-0', trainingRows(100, { users: 7 }));
    await writer.write(5, '3-0', trainingRows(50, { seed: 2, users: 9, firstTs: FIRST_TS + 3_600_000 }));
    expect(writer.summary).toEqual({
      rows: 150,
      users: 9,
      usersExact: true,
      fromTs: FIRST_TS,
      toTs: FIRST_TS + 3_600_000 + 49_000,
      parts: 2,
      updatedAt: '2026-11-23T10:00:00.000Z',
    });
    expect(await storedSummary()).toEqual(writer.summary);
    await store.remove(trainingKeys.summary);
    const restarted = await openWriter();
    expect(restarted.summary).toEqual(writer.summary);
    expect(await storedSummary()).toEqual(writer.summary);
  });

  it('follows the rows that go when there are too many', async () => {
    const writer = await openWriter(store, 250);
    for (let part = 0; part < 5; part++) {
      const rows = trainingRows(100, { seed: part, firstTs: FIRST_TS + part * 3_600_000 });
      await writer.write(part % 2, `${part + 1}-0`, rows);
    }
    const parts = (await store.list(trainingKeys.rowsPrefix)).map(({ key }) => key).toSorted();
    expect(parts).toEqual([partKey(0, '3-0'), partKey(0, '5-0'), partKey(1, '4-0')].map(({ key }) => key).toSorted());
    expect(writer.summary).toMatchObject({ rows: 300, parts: 3, fromTs: FIRST_TS + 2 * 3_600_000 });
    expect((await openWriter(store, 250)).summary).toEqual(writer.summary);
  });
});

describe('a crash at any change of the store', () => {
  it('loses nothing and counts nothing twice once the same rows are written again', async () => {
    const parts = Array.from({ length: 4 }, (_, part) => ({
      fromId: `${part + 1}-0`,
      rows: trainingRows(100, { seed: part, firstTs: FIRST_TS + part * 3_600_000 }),
    }));
    const writeFrom = async (target: ModelStore, first: number, onWritten: () => void = () => {}) => {
      const writer = await openWriter(target, 250);
      for (const { fromId, rows } of parts.slice(first)) {
        await writer.write(0, fromId, rows);
        onWritten();
      }
      return writer.summary;
    };
    const complete = new FailingStore(store, Number.POSITIVE_INFINITY);
    const expected = await writeFrom(complete, 0);
    const expectedHash = (await readAll()).sha256;
    expect(complete.changes).toBe(1 + 4 * 2 + 1); // summary at the start, part and summary of each, one part removed

    for (let failAt = 0; failAt < complete.changes; failAt++) {
      await rm(directory, { recursive: true, force: true });
      let written = 0;
      const crashing = writeFrom(new FailingStore(store, failAt), 0, () => written++);
      await expect(crashing).rejects.toThrow(CrashError);
      // the cursor had moved past what was acknowledged
      expect(await writeFrom(store, written), `crash before change ${failAt}`).toEqual(expected);
      expect((await readAll()).sha256, `crash before change ${failAt}`).toBe(expectedHash);
    }
  });
});

describe('many small parts', () => {
  it('are read within two seconds, in a thread that knows the address alone', async () => {
    const parts = 500;
    const rowsPerPart = 1_000;
    const bytes = await encodePart(trainingRows(rowsPerPart));
    for (let from = 0; from < parts; from += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, index) => store.put(partKey(index % 8, `${from + index + 1}-0`).key, bytes)),
      );
    }
    const worker = new Worker(new URL('./read-archive-thread.ts', import.meta.url), {
      workerData: { url: `file:${directory}`, maxRows: parts * rowsPerPart },
    });
    const { rows, duplicates, ms } = await new Promise<{ rows: number; duplicates: number; ms: number }>(
      (resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      },
    );
    console.info(`reading ${parts} parts of ${rowsPerPart} rows took ${ms.toFixed(0)} ms`);
    // every part holds the same rows
    expect([rows, duplicates]).toEqual([rowsPerPart, (parts - 1) * rowsPerPart]);
    expect(ms).toBeLessThan(5_000); // under 2 s on an idle machine; this one may be busy
  }, 30_000);
});
