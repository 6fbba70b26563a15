import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Random } from '@liminal/shared/runtime/random';
import { DATA_SETS } from '@liminal/shared/testing/data-sets';
import { parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TRAINABLE_MODELS } from '../src/pipelines/trainable-models.ts';
import { runHere, runInShell } from './run-kenning.ts';

const COLUMNS = ['heat', 'pressure', 'rpm'];
const ROWS = 500;
const directory = mkdtempSync(join(tmpdir(), 'liminal-cli-'));
const at = (name: string): string => join(directory, name);
afterAll(() => rmSync(directory, { recursive: true }));

/** Correlated readings with some values missing and every tenth row an anomaly; row-major, label last. */
function readings(): { values: number[][]; csv: string } {
  const random = new Random(5);
  const values = Array.from({ length: ROWS }, (_, row) => {
    const isAnomaly = row % 10 === 9;
    const heat = Math.fround(20 + 10 * random.next() + (isAnomaly ? 30 * random.next() : 0));
    const pressure = Math.fround(heat / 4 + random.next());
    const rpm = row % 13 === 0 ? Number.NaN : Math.fround(random.int(50) * 10);
    return [heat, pressure, rpm, Number(isAnomaly)];
  });
  const lines = values.map((row) => row.map((value) => (Number.isNaN(value) ? '' : String(value))).join(','));
  return { values, csv: `${[...COLUMNS, 'y'].join(',')}\n${lines.join('\n')}\n` };
}
const { values, csv } = readings();
const features = values.flatMap((row) => row.slice(0, COLUMNS.length));
const CSV = at('readings.csv');
writeFileSync(CSV, csv);

async function kenning(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runHere(args);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** Of the isolation forest unless `more` names a model. */
function train(out: string, ...more: string[]): Promise<string> {
  const model = more.includes('--model') ? [] : ['--model', 'isolation-forest'];
  return kenning('train', CSV, ...model, '--label', 'y', '--out', at(out), ...more);
}

const parsedRows = (text: string): number[][] =>
  text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(',').map(Number));

describe('kenning train', () => {
  it('gives the same bytes for the same rows, whatever file they come in', async () => {
    await train('first.onnx');
    await train('again.onnx');
    writeFileSync(at('packed.csv.gz'), gzipSync(csv.replaceAll(',', ';').replaceAll('\n', '\r\n')));
    const column = (index: number) => values.map((row) => (Number.isNaN(row[index]) ? null : row[index]!));
    const columnData = [...COLUMNS, 'y'].map((name, index) => ({ name, data: column(index), type: 'DOUBLE' as const }));
    writeFileSync(at('readings.parquet'), new Uint8Array(parquetWriteBuffer({ columnData })));
    for (const name of ['packed.csv.gz', 'readings.parquet']) {
      await kenning('train', at(name), '--model', 'isolation-forest', '--label', 'y', '--out', at(`${name}.onnx`));
      expect(readFileSync(at(`${name}.onnx`)).equals(readFileSync(at('first.onnx')))).toBe(true);
    }
    expect(readFileSync(at('again.onnx')).equals(readFileSync(at('first.onnx')))).toBe(true);
    await train('other-seed.onnx', '--seed', '2');
    expect(readFileSync(at('other-seed.onnx')).equals(readFileSync(at('first.onnx')))).toBe(false);
  });

  it('writes what the training was into the file', async () => {
    await train('described.onnx', '--model', 'one-class-svm', '--option', 'nu=0.2', '--seed', '9', '--normal-only');
    const { metadata, inputs, outputs } = JSON.parse(await kenning('inspect', at('described.onnx'), '--json'));
    expect(metadata).toMatchObject({
      'kenning.model': 'one-class-svm',
      'kenning.columns': JSON.stringify(COLUMNS),
      'kenning.label_column': 'y',
      'kenning.seed': '9',
      'kenning.training_data_sha256': expect.stringMatching(/^[0-9a-f]{64}$/),
      'kenning.created_by': expect.stringMatching(/^kenning \d/),
    });
    expect(JSON.parse(metadata['kenning.params'])).toMatchObject({ nu: 0.2, gamma: 'scale', kind: 'exact' });
    expect(JSON.parse(metadata['kenning.rows'])).toEqual({ total: 450, training: 315, calibration: 135 });
    expect(JSON.parse(metadata['kenning.libraries'])).toHaveProperty('onnxruntime');
    expect(inputs).toEqual([{ name: 'features', type: 'float', shape: ['N', 3] }]);
    expect(outputs).toContainEqual({ name: 'p_value', type: 'float', shape: ['N', 1] });
  });

  it.each(Object.keys(TRAINABLE_MODELS))('%s: ONNX Runtime alone gives the scores of kenning score', async (model) => {
    const file = `served-${model}.onnx`;
    await train(file, '--model', model);
    const scored = parsedRows(await kenning('score', CSV, '--model', at(file)));
    const session = await InferenceSession.create(at(file), { intraOpNumThreads: 1 });
    const input = new Tensor('float32', Float32Array.from(features), [ROWS, COLUMNS.length]);
    const { score, p_value } = await session.run({ features: input });
    await session.release();
    expect(scored.map(([row]) => row)).toEqual(values.map((_, index) => index + 1));
    expect(Float32Array.from(scored, ([, own]) => own!)).toEqual(score!.data);
    expect(Float32Array.from(scored, ([, , own]) => own!)).toEqual(p_value!.data);
  });
});

describe('with all models', () => {
  beforeAll(() => train('all', '--model', 'all'));

  it('writes each as it is when trained alone', async () => {
    await train('alone.onnx', '--model', 'nearest-neighbours');
    expect(readFileSync(at('all/nearest-neighbours.onnx')).equals(readFileSync(at('alone.onnx')))).toBe(true);
    const names = Object.keys(TRAINABLE_MODELS).map((name) => `${name}.onnx`);
    expect(readdirSync(at('all')).sort()).toEqual(['combination.bin', 'ensemble.json', ...names].sort());
  });

  it('scores with the combination, and each model beside it', async () => {
    const text = await kenning('score', CSV, '--model', at('all'));
    const header = text.slice(0, text.indexOf('\n')).split(',');
    expect(header.slice(0, 5)).toEqual([
      'row',
      'score',
      'p_value',
      'isolation-forest_score',
      'isolation-forest_p_value',
    ]);
    const alone = parsedRows(await kenning('score', CSV, '--model', at('all/one-class-svm.onnx')));
    const rows = parsedRows(text);
    const column = header.indexOf('one-class-svm_score');
    expect(rows.map((row) => row[column])).toEqual(alone.map(([, score]) => score));
    const n = JSON.parse(readFileSync(at('all/ensemble.json'), 'utf8')).combination.rows as number;
    for (const [, , pValue] of rows) expect(pValue! * (n + 1)).toBeCloseTo(Math.round(pValue! * (n + 1)), 6);
  });

  it('refuses files that are not of one training', async () => {
    await train('mixed', '--model', 'all');
    await train('mixed/one-class-svm.onnx', '--model', 'one-class-svm', '--seed', '3');
    const { code, stderr } = await runHere(['score', CSV, '--model', at('mixed')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/one-class-svm\.onnx is not the file that ensemble\.json names/);
  });
});

describe('as a shell starts it', () => {
  it('trains, scores on the standard output, and tells its progress beside it', async () => {
    const args = ['train', CSV, '--model', 'isolation-forest', '--label', 'y', '--out', at('started.onnx')];
    const trained = await runInShell(args);
    expect({ code: trained.code, stdout: trained.stdout }).toEqual({ code: 0, stdout: '' });
    expect(trained.stderr).toMatch(/^train 100%.*\n.*started\.onnx: isolation-forest; 3 columns, /m);
    await train('here.onnx');
    expect(readFileSync(at('started.onnx')).equals(readFileSync(at('here.onnx')))).toBe(true);
    const scored = await runInShell(['score', CSV, '--model', at('started.onnx')]);
    expect(scored).toMatchObject({ code: 0, stdout: await kenning('score', CSV, '--model', at('here.onnx')) });
  });

  it('ends with 2 where an option is out of range for the training, and with 1 where a file is missing', async () => {
    const options = ['--model', 'isolation-forest', '--option', 'nEstimators=0', '--out', at('unused.onnx')];
    const outOfRange = await runInShell(['train', CSV, ...options]);
    expect(outOfRange).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^--option: nEstimators/m) });
    const missing = await runInShell(['score', at('none.csv'), '--model', at('none.onnx')]);
    expect(missing).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^.*none.*\n$/) });
  });

  it('ends at Ctrl-C with 130, and leaves no file', async () => {
    const rows = Array.from({ length: 4_000 }, (_, row) => `${row % 71},${row % 97}`);
    mkdirSync(at('interrupted'));
    writeFileSync(at('interrupted/long.csv'), `a,b\n${rows.join('\n')}\n`);
    const { code, stderr } = await runInShell(
      [
        'train',
        at('interrupted/long.csv'),
        '--model',
        'isolation-forest',
        '--option',
        'nEstimators=40000',
        '--out',
        at('interrupted/m.onnx'),
      ],
      { until: /fit/ },
    );
    expect({ code, hasStack: stderr.includes('    at ') }).toEqual({ code: 130, hasStack: false });
    expect(readdirSync(at('interrupted'))).toEqual(['long.csv']);
  });
});

describe('kenning score', () => {
  beforeAll(() => train('model.onnx', '--exclude', 'rpm'));

  it('finds the columns by their names', async () => {
    const turned = values.map(([heat, pressure]) => `${pressure},${heat}`);
    writeFileSync(at('turned.csv'), `pressure,heat\n${turned.join('\n')}\n`);
    expect(await kenning('score', at('turned.csv'), '--model', at('model.onnx'))).toBe(
      await kenning('score', CSV, '--model', at('model.onnx')),
    );
  });

  it('writes CSV and Parquet with the same numbers', async () => {
    await kenning('score', CSV, '--model', at('model.onnx'), '--out', at('scores.csv'));
    await kenning('score', CSV, '--model', at('model.onnx'), '--out', at('scores.parquet'));
    const file = Uint8Array.from(readFileSync(at('scores.parquet'))).buffer;
    const rows = await parquetReadObjects({ file });
    expect(Object.keys(rows[0]!)).toEqual(['row', 'score', 'p_value']);
    const fromCsv = parsedRows(readFileSync(at('scores.csv'), 'utf8'));
    expect(rows.map(({ row }) => Number(row))).toEqual(fromCsv.map(([row]) => row));
    expect(Float32Array.from(rows, ({ score }) => score)).toEqual(Float32Array.from(fromCsv, ([, score]) => score!));
    expect(rows).toHaveLength(ROWS);
  });

  it('names columns that are missing and columns that are unknown', async () => {
    writeFileSync(at('wrong.csv'), 'heat,Pressure,y\n1,2,0\n');
    const { code, stdout, stderr } = await runHere(['score', at('wrong.csv'), '--model', at('model.onnx')]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/lacks "pressure", .* has "Pressure", .* --exclude Pressure$/m);
    writeFileSync(at('more.csv'), 'heat,pressure,id\n1,2,a\n');
    const excluded = await kenning('score', at('more.csv'), '--model', at('model.onnx'), '--exclude', 'id');
    expect(excluded.split('\n')).toHaveLength(3);
  });

  it('leaves no half-written file when a row is broken', async () => {
    mkdirSync(at('broken'));
    writeFileSync(at('broken/data.csv'), `heat,pressure\n${'1,2\n'.repeat(200_000)}1,x\n`);
    const args = ['score', at('broken/data.csv'), '--model', at('model.onnx'), '--out', at('broken/scores.csv')];
    const { code, stderr } = await runHere(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/line 200002, column "pressure"/);
    expect(readdirSync(at('broken'))).toEqual(['data.csv']);
  });
});

describe('kenning evaluate', () => {
  it('says how well scores and labels agree, as text and as JSON', async () => {
    await train('judged.onnx', '--normal-only');
    const args = ['evaluate', CSV, '--model', at('judged.onnx'), '--label', 'y'];
    const evaluation = JSON.parse(await kenning(...args, '--json'));
    const scored = parsedRows(await kenning('score', CSV, '--model', at('judged.onnx')));
    const anomalies = scored.filter((_, row) => values[row]![3] === 1).map(([, score]) => score!);
    const normals = scored.filter((_, row) => values[row]![3] === 0).map(([, score]) => score!);
    const pairs = anomalies.flatMap((high) => normals.map((low) => (high > low ? 1 : high === low ? 0.5 : 0)));
    const [model] = evaluation.models;
    expect(model.auroc).toBeCloseTo(pairs.reduce<number>((sum, pair) => sum + pair, 0) / pairs.length, 10);
    const alarms = scored.filter(([, , pValue], row) => values[row]![3] === 0 && pValue! <= 0.05).length;
    expect(model.alarms[1]).toMatchObject({ alarmRate: 0.05, normals: { rows: 450, alarms } });
    expect(evaluation).toMatchObject({ rows: 500, anomalies: 50, isTrainingData: false });
    const text = await kenning(...args);
    expect(text).toContain(model.auroc.toFixed(4));
    expect(text).toContain(`${alarms} (${(alarms / 4.5).toFixed(2)}%)`);
  });

  it('says so when the rows are those of the training', async () => {
    await train('same.onnx');
    const text = await kenning('evaluate', CSV, '--model', at('same.onnx'), '--label', 'y');
    expect(text).toContain('trained on these very rows');
  });
});

describe('arguments', () => {
  const model = ['--model', 'isolation-forest', '--out', at('unused.onnx')];
  it.each([
    [['fly'], /There is no command fly: use train, score, evaluate, inspect/],
    [['train', CSV, '--modle', 'x'], /Unknown option '--modle'/],
    [['train', CSV, '--model', 'forest', '--out', 'x'], /There is no model forest: use isolation-forest, /],
    [['train', CSV, '--model', 'lstm', '--out', 'x'], /lstm learns from load histories and the time of day, which/],
    [['train', CSV, '--model', 'isolation-forest'], /--out is missing/],
    [['train', ...model], /No file with data is given/],
    [
      ['train', CSV, ...model, '--option', 'trees=3'],
      /has no option trees; it has, with their defaults: nEstimators=100/,
    ],
    [['train', CSV, ...model, '--option', 'nEstimators=many'], /must be a number/],
    [['train', CSV, ...model, '--option', 'nEstimators=0'], /nEstimators/],
    [['train', CSV, ...model, '--normal-only'], /--normal-only needs --label/],
    [['train', CSV, ...model, '--calibration-share', '1'], /does not lie between 0 and 1/],
    [['train', CSV, ...model, '--seed', '-1'], /--seed/],
    [['score', CSV, '--model', 'x', '--decimal', 'dot'], /neither point nor comma/],
  ])('%j are refused in one sentence, with code 2', async (args, message) => {
    const { code, stdout, stderr } = await runHere(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    const complaint = stderr.split('\n').filter((line) => line !== '' && !/^train \d+%/.test(line));
    expect(complaint).toHaveLength(1);
    expect(complaint[0]).toMatch(message);
  });

  it.each([
    [['train', at('none.csv'), ...model], /there is no such file/],
    [['train', CSV, ...model, '--label', 'z'], /has no column "z"; it has "heat", /],
    [['score', CSV, '--model', CSV], /is not an ONNX model/],
    [['score', CSV, '--model', at('none.onnx')], /none\.onnx can't be read \(ENOENT\)/],
    [['inspect', CSV], /is not an ONNX model/],
  ])('%j fail with code 1', async (args, message) => {
    const { code, stderr } = await runHere(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('    at ');
  });

  it('--help shows examples for every command', async () => {
    for (const command of ['train', 'score', 'evaluate', 'inspect']) {
      expect(await kenning(command, '--help')).toMatch(new RegExp(`Examples:\\n  kenning ${command} `));
    }
    expect(await kenning('--help')).toContain('evaluate');
  });
});

const data = join(DATA_SETS, 'adbench');
if (!existsSync(data)) console.warn(`SKIPPED kenning on real data: none in ${data} (set LIMINAL_DATA_DIR)`);

describe.skipIf(!existsSync(data))('on ADBench', () => {
  it.each([
    ['6_cardio', 21],
    ['4_breastw', 9],
    ['12_fault', 27],
  ])(
    '%s: trains on one half of the normal rows, ranks the rest above chance, alarms as often as told',
    async (set, columns) => {
      const [header, ...lines] = gunzipSync(readFileSync(join(data, `${set}.csv.gz`)))
        .toString()
        .trim()
        .split('\n');
      const isNormal = (line: string): boolean => line.endsWith(',0');
      const half = lines.filter(isNormal).filter((_, index) => index % 2 === 0);
      const rest = lines
        .filter((line) => !isNormal(line))
        .concat(lines.filter(isNormal).filter((_, index) => index % 2 === 1));
      writeFileSync(at(`${set}-train.csv`), [header, ...half].join('\n'));
      writeFileSync(at(`${set}-test.csv.gz`), gzipSync([header, ...rest].join('\n')));
      await kenning('train', at(`${set}-train.csv`), '--model', 'all', '--label', 'y', '--out', at(set));
      const args = ['evaluate', at(`${set}-test.csv.gz`), '--model', at(set), '--label', 'y', '--json'];
      const { rows, models } = JSON.parse(await kenning(...args)) as {
        rows: number;
        models: { auroc: number; alarms: { normals: { alarms: number; band: { low: number; high: number } } }[] }[];
      };
      expect(rows).toBe(rest.length);
      for (const { auroc, alarms } of models) {
        expect(auroc).toBeGreaterThan(0.55);
        for (const { normals } of alarms) expect(normals.alarms).toBeLessThanOrEqual(normals.band.high);
      }
      const { inputs } = JSON.parse(await kenning('inspect', join(at(set), 'autoencoder.onnx'), '--json'));
      expect(inputs[0].shape).toEqual(['N', columns]);
    },
  );
});
