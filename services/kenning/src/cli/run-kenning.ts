import { OutputError } from '@liminal/shared/runtime/output-error';
import { UsageError } from '@liminal/shared/runtime/usage-error';
import { TrainingDivergedError } from '../nn/training-diverged-error.ts';
import { TrainingDataError } from '../pipelines/training-errors.ts';
import type { Command, CommandContext } from './command.ts';
import { evaluateCommand } from './evaluate.ts';
import { inspectCommand } from './inspect.ts';
import { ModelFileError } from './model-file-error.ts';
import { scoreCommand } from './score.ts';
import { TableError } from './table.ts';
import { trainCommand } from './train.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const COMMANDS: Readonly<Record<string, Command>> = {
  train: trainCommand,
  score: scoreCommand,
  evaluate: evaluateCommand,
  inspect: inspectCommand,
};

const USAGE = `Usage: kenning COMMAND …

Trains anomaly models on tables and writes them as ONNX files; needs no server.

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`)
  .join('\n')}

Each says more with --help.
`;

/** Returns the exit code. Rejects where the signal ended it, and on what is no fault of the person at the keyboard. */
export async function runKenning(
  [name, ...args]: readonly string[],
  context: Omit<CommandContext, 'args'>,
): Promise<number> {
  const { signal, stdout, stderr } = context;
  try {
    const isHelp = name === undefined || name === '--help' || name === '-h' || name === 'help';
    if (isHelp) {
      stdout.write(USAGE);
      return name === undefined ? EXIT_USAGE : 0;
    }
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : undefined;
    if (command === undefined) {
      throw new UsageError(`There is no command ${name}: use ${Object.keys(COMMANDS).join(', ')}, or see --help.`);
    }
    if (args.includes('--help') || args.includes('-h')) {
      stdout.write(command.usage);
      return 0;
    }
    await command.run({ ...context, args });
    return 0;
  } catch (error) {
    if (signal.aborted || !isForThePerson(error)) throw error;
    stderr.write(`${error.message}\n`);
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
  }
}

/** Whether the message says all there is to say; anything else is a fault of ours and shows where it was. */
function isForThePerson(error: unknown): error is Error {
  const kinds = [UsageError, TableError, ModelFileError, OutputError, TrainingDataError, TrainingDivergedError];
  return kinds.some((kind) => error instanceof kind);
}
