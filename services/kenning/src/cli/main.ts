import { constants } from 'node:os';
import { trainModelsInProcess } from '../pipelines/train-in-process.ts';
import { runKenning } from './run-kenning.ts';

const interrupt = new AbortController();
let interruptedBy: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Once: a second Ctrl-C ends the process at once.
  process.once(signal, () => {
    interruptedBy = signal;
    interrupt.abort();
  });
}
const { stdout, stderr } = process;
// Whoever reads the output may stop reading, as head does: that is no failure.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

try {
  const context = { signal: interrupt.signal, stdout, stderr, trainModels: trainModelsInProcess };
  process.exitCode = await runKenning(process.argv.slice(2), context);
} catch (error) {
  if (interruptedBy === undefined) throw error;
  // What shells expect of a program that a signal ended.
  process.exitCode = 128 + constants.signals[interruptedBy];
}
