import type { TerminalStream } from '@liminal/shared/runtime/progress';
import type { trainModelsInProcess } from '../pipelines/train-in-process.ts';

/** What a command is run with. */
export interface CommandContext {
  /** Arguments behind the name of the command. */
  args: readonly string[];
  signal: AbortSignal;
  /** For what was asked. */
  stdout: NodeJS.WritableStream;
  /** For progress, remarks and complaints. */
  stderr: TerminalStream;
  trainModels: typeof trainModelsInProcess;
}

export interface Command {
  /** In a few words, for the list of commands. */
  summary: string;
  usage: string;
  /** Rejects with `UsageError`, or an error whose message is for the person. */
  run(context: CommandContext): Promise<void>;
}
