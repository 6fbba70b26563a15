import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Label } from '@liminal/simulator/label';
import { z } from 'zod';

const stateSchema = z.object({
  seed: z.int().min(0),
  users: z.int().min(1),
  simulatedToMs: z.int().describe('Event time up to which there is simulated traffic, ms since the epoch'),
});

/** Where the simulator of a home stands. */
export type SimulatorState = z.infer<typeof stateSchema>;

const stateFile = (home: string): string => join(home, 'simulator.json');
/** One label a line, beside the data that they are about. */
const labelsFile = (home: string): string => join(home, 'simulator-labels.ndjson');

const textOf = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
};

/** Null when nothing was simulated in this home yet. Throws when the file holds something else. */
export async function readSimulatorState(home: string): Promise<SimulatorState | null> {
  const text = await textOf(stateFile(home));
  return text === null ? null : stateSchema.parse(JSON.parse(text));
}

export async function writeSimulatorState(home: string, state: SimulatorState): Promise<void> {
  await mkdir(home, { recursive: true });
  const unfinished = `${stateFile(home)}.new`;
  await writeFile(unfinished, `${JSON.stringify(state)}\n`);
  await rename(unfinished, stateFile(home));
}

export async function appendLabels(home: string, labels: readonly Label[]): Promise<void> {
  if (labels.length > 0)
    await appendFile(labelsFile(home), labels.map((label) => `${JSON.stringify(label)}\n`).join(''));
}
