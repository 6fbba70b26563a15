import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CombinationData } from '@liminal/shared/calibration/combination';
import { modelNameSchema } from '@liminal/shared/contracts/prediction';
import { decodeCombination, encodeCombination } from '@liminal/shared/release/combination-file';
import { sha256Hex } from '@liminal/shared/release/sha256';
import { z } from 'zod';
import { ModelFileError } from './model-file-error.ts';

/** Names the files of a directory that belong together. */
export const ENSEMBLE_FILE = 'ensemble.json';
const COMBINATION_FILE = 'combination.bin';

const entry = z.object({ file: z.string().regex(/^[\w.-]+$/), sha256: z.string() });
const schema = z.object({
  version: z.literal(1),
  models: z.array(entry.extend({ name: modelNameSchema })).min(1),
  combination: entry.extend({ rows: z.int().min(1) }),
});

export interface NamedFile {
  name: string;
  bytes: Uint8Array;
}

/** The files of a directory of models that are combined. */
export function encodeEnsemble(models: readonly NamedFile[], combination: CombinationData): NamedFile[] {
  const files = models.map(({ name, bytes }) => ({ name: `${name}.onnx`, bytes }));
  const combinationFile = { name: COMBINATION_FILE, bytes: encodeCombination(combination) };
  const manifest: z.infer<typeof schema> = {
    version: 1,
    models: combination.models.map((name, index) => ({ name, ...entryOf(files[index]!) })),
    combination: { ...entryOf(combinationFile), rows: combination.scores.length / combination.models.length },
  };
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  return [...files, combinationFile, { name: ENSEMBLE_FILE, bytes: new TextEncoder().encode(text) }];
}

const entryOf = ({ name, bytes }: NamedFile) => ({ file: name, sha256: sha256Hex(bytes) });

export interface Ensemble {
  models: { path: string; bytes: Uint8Array }[];
  combination: CombinationData;
}

/** Throws `ModelFileError` where files are missing or don't belong together. */
export async function readEnsemble(directory: string): Promise<Ensemble> {
  const text = await readBytes(join(directory, ENSEMBLE_FILE));
  const parsed = schema.safeParse(parsedJson(text.toString('utf8')));
  if (!parsed.success) throw new ModelFileError(`${join(directory, ENSEMBLE_FILE)} is broken; train again`);
  const { models, combination } = parsed.data;
  const read = async ({ file, sha256 }: z.infer<typeof entry>) => {
    const path = join(directory, file);
    const bytes = await readBytes(path);
    if (sha256Hex(bytes) === sha256) return { path, bytes };
    throw new ModelFileError(
      `${path} is not the file that ${ENSEMBLE_FILE} names: only models of one training combine`,
    );
  };
  const names = models.map(({ name }) => name);
  return {
    models: await Promise.all(models.map(read)),
    combination: decodeCombination((await read(combination)).bytes, names, combination.rows),
  };
}

/** Throws `ModelFileError`. */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new ModelFileError(`${path} can't be read (${code}); give a model that kenning train has made`, {
      cause: error,
    });
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
