import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMatrix, type Matrix } from '@liminal/kenning/detectors/matrix';
import { Random } from '@liminal/shared/runtime/random';
import { findPython, PythonPeer } from './peers/python-peer.ts';

export const ROWS = 100_000;
export const COLUMNS = 7;

/** Standard normal values, [rows, 7]: what both sides of a benchmark work on. */
export function benchmarkRows(rows = ROWS): Matrix {
  const random = new Random(1);
  return createMatrix(
    Float32Array.from({ length: rows * COLUMNS }, () => random.normal()),
    COLUMNS,
  );
}

/** Runs `measure` with scikit-learn's detector of that name on the same rows; says so and does nothing where scikit-learn is missing. */
export async function withScikitLearn(
  model: 'isolation-forest' | 'one-class-svm',
  rows: Matrix,
  measure: (peer: PythonPeer, version: string) => Promise<void>,
): Promise<void> {
  const python = findPython(['sklearn']);
  if (python === undefined) {
    console.warn(
      `SKIPPED the peer of ${model}: no python3 with scikit-learn (Debian: apt-get install python3-sklearn)`,
    );
    return;
  }
  const directory = await mkdtemp(join(tmpdir(), 'liminal-bench-'));
  const file = join(directory, 'rows.f32');
  await writeFile(file, new Uint8Array(rows.values.buffer, rows.values.byteOffset, rows.values.byteLength));
  const peer = new PythonPeer(python, './scikit_learn.py', [model, file, String(rows.columns)]);
  try {
    await measure(peer, await peer.ready());
  } finally {
    peer.stop();
    await rm(directory, { recursive: true });
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
