import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LiminalError } from '@liminal/shared/runtime/errors';
import { describe, expect, it } from 'vitest';
import { TrainingDivergedError } from '../nn/training-diverged-error.ts';
import { packError, unpackError } from './error-transfer.ts';
import { OnnxParityError } from './training-errors.ts';

const cross = (error: unknown): Error => unpackError(structuredClone(packError(error)));

describe('an error that crosses a thread', () => {
  it('keeps class, message, stack and cause', () => {
    const error = new OnnxParityError('off by one', { cause: new RangeError('deep down') });
    const crossed = cross(error);
    expect(crossed).toBeInstanceOf(OnnxParityError);
    expect(crossed).toMatchObject({ name: 'OnnxParityError', message: 'off by one', stack: error.stack });
    expect(crossed.cause).toBeInstanceOf(RangeError);
    expect(crossed.cause).toMatchObject({ message: 'deep down' });
  });

  it('keeps code, status and details of a catalogued error', () => {
    const definition = { status: 409, message: 'no room for {count}' };
    const crossed = cross(new LiminalError('LIMINAL_ERR_TEST_FULL', definition, { count: 3, retryAfterSeconds: 5 }));
    expect(crossed).toBeInstanceOf(LiminalError);
    expect(crossed).toMatchObject({
      code: 'LIMINAL_ERR_TEST_FULL',
      status: 409,
      details: { count: 3 },
      retryAfterSeconds: 5,
      message: 'no room for 3',
    });
  });

  it('keeps what it says in fields, whatever its constructor takes', () => {
    const crossed = cross(new TrainingDivergedError(7, Number.POSITIVE_INFINITY));
    expect(crossed).toBeInstanceOf(TrainingDivergedError);
    expect(crossed).toMatchObject({ step: 7, loss: Number.POSITIVE_INFINITY });
    expect(crossed.message).toBe(new TrainingDivergedError(7, Number.POSITIVE_INFINITY).message);
  });

  it('keeps its class, whichever of those in the code of the processes it is', async () => {
    const found = new Set<string>();
    for (const { module, names } of errorClassesBehind(PROCESSES)) {
      const exported = (await import(module)) as Record<string, abstract new () => Error>;
      for (const name of names) {
        const Class = exported[name]!;
        const error: Error = Object.assign(Reflect.construct(Error, ['text'], Class), { name });
        expect(cross(error), name).toBeInstanceOf(Class);
        found.add(name);
      }
    }
    expect([...found]).toEqual(expect.arrayContaining(['TrainingDataError', 'TrainingDivergedError', 'LiminalError']));
  });

  it('keeps the name of an unknown class, and the text of what is no error', () => {
    class Odd extends Error {
      override readonly name = 'Odd';
    }
    expect(cross(new Odd('strange'))).toMatchObject({ name: 'Odd', message: 'strange' });
    expect(cross('just text')).toMatchObject({ message: 'just text' });
  });
});

/** Entries of the processes whose errors cross. */
const PROCESSES = [
  './training-process.ts',
  './model-training-process.ts',
  '../training/rows-process.ts',
  '../tuning/tuning-process.ts',
  '../optimisation/optimisation-process.ts',
];

/** Every module that the given ones load, if it has error classes: its address and their names. */
function errorClassesBehind(entries: readonly string[]): { module: string; names: string[] }[] {
  const waiting = entries.map((entry) => new URL(entry, import.meta.url).href);
  const seen = new Set<string>(waiting);
  return waiting.flatMap(function visit(module): { module: string; names: string[] }[] {
    const source = readFileSync(fileURLToPath(module), 'utf8');
    const names = [...source.matchAll(/class (\w+) extends \w*Error\b/g)].map((match) => match[1]!);
    const loaded = [...source.matchAll(LOADED)]
      .map((match) => match.slice(1).find((path) => path !== undefined)!)
      .filter((path) => path.startsWith('.') || path.startsWith('@liminal/'))
      .map((path) => (path.startsWith('.') ? new URL(path, module).href : import.meta.resolve(path)))
      .filter((next) => !seen.has(next) && seen.add(next));
    return [...(names.length === 0 ? [] : [{ module, names }]), ...loaded.flatMap(visit)];
  });
}

/** Imports that are not of types alone, and the files of threads. */
const LOADED = /^(?:import|export)\s+(?!type\b)[^;]*?from\s+'([^']+)'|import\('([^']+)'\)|new URL\('([^']+\.ts)'/gm;
