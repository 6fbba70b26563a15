/** What a command is run with. */
export interface CommandContext {
  /** Arguments behind the name of the command. */
  args: readonly string[];
  signal: AbortSignal;
}

export interface Command {
  /** In a few words, for the list of commands. */
  summary: string;
  usage: string;
  /** Rejects with `UsageError`, or an error whose message is for the person. */
  run(context: CommandContext): Promise<void>;
}
