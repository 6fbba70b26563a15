import { OutputError } from '@liminal/shared/runtime/output-error';
import { createProgress } from '@liminal/shared/runtime/progress';
import { UsageError } from '@liminal/shared/runtime/usage-error';
import { FeedError } from '../feed/feed-error.ts';
import { type SimulateProgress, simulateInto } from '../simulate/simulate-into.ts';
import { parseSimulateArguments, SIMULATE_USAGE, type SimulateArguments } from '../simulate/simulate-options.ts';
import { summaryText } from '../simulate/summary-text.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** What shells expect of a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

process.exitCode = await main(process.argv.slice(2));

/** Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const parsed = parseSimulateArguments(args, Date.now());
    if (parsed !== 'help') return await simulate(parsed);
    process.stdout.write(SIMULATE_USAGE);
    return 0;
  } catch (error) {
    const isForThePerson = [UsageError, FeedError, OutputError].some((kind) => error instanceof kind);
    if (!isForThePerson) throw error;
    process.stderr.write(`${(error as Error).message}\n`);
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
  }
}

async function simulate(args: SimulateArguments): Promise<number> {
  const interrupt = new AbortController();
  // Once: a second Ctrl-C ends the process at once.
  process.once('SIGINT', () => interrupt.abort());
  process.once('SIGTERM', () => interrupt.abort());
  const { startMs, endMs } = args.traffic;
  const bar = createProgress({ label: 'simulate', total: endMs - startMs });
  let last: SimulateProgress | undefined;
  try {
    await simulateInto({
      ...args,
      signal: interrupt.signal,
      onProgress: (progress) => {
        last = progress;
        const { reachedMs, waiting, accepted } = progress;
        if (waiting) bar.note(waiting);
        else bar.update(reachedMs - startMs, `${accepted.toLocaleString('en')} events taken`);
      },
    });
  } finally {
    bar.stop();
    if (last) process.stdout.write(summaryText(last));
  }
  if (args.labelsPath !== undefined) process.stdout.write(`The attacks are in ${args.labelsPath}.\n`);
  return interrupt.signal.aborted ? EXIT_INTERRUPTED : 0;
}
