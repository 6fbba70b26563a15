import { createProgress, type Progress } from '@liminal/shared/runtime/progress';
import { UsageError } from '@liminal/shared/runtime/usage-error';
import { FeedError } from '../feed/feed-error.ts';
import { ImportError } from '../import/import-error.ts';
import type { LogFile } from '../import/log-file.ts';
import { type ReplayProgress, replayFiles } from '../import/replay-files.ts';
import { parseReplayArguments, REPLAY_USAGE, type ReplayArguments } from '../import/replay-options.ts';
import { tallyText } from '../import/tally-text.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** What shells expect of a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

process.exitCode = await main(process.argv.slice(2));

/** Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const parsed = parseReplayArguments(args);
    if (parsed !== 'help') return await replay(parsed);
    process.stdout.write(REPLAY_USAGE);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ImportError || error instanceof FeedError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
  }
}

async function replay(args: ReplayArguments): Promise<number> {
  const interrupt = new AbortController();
  // Once: a second Ctrl-C ends the process at once.
  process.once('SIGINT', () => interrupt.abort());
  process.once('SIGTERM', () => interrupt.abort());
  let bar: Progress | undefined;
  let last: ReplayProgress | undefined;
  try {
    await replayFiles({
      ...args,
      now: Date.now(),
      signal: interrupt.signal,
      onOpen: (files) => {
        process.stderr.write(files.map(describe).join(''));
        bar = createProgress({ label: 'replay', total: files.reduce((sum, file) => sum + file.sizeBytes, 0) });
      },
      onProgress: (progress) => {
        last = progress;
        const { bytesRead, waiting, accepted } = progress;
        if (waiting) bar?.note(waiting);
        else bar?.update(bytesRead, `${accepted.toLocaleString('en')} events taken`);
      },
    });
  } finally {
    bar?.stop();
    if (last) process.stdout.write(tallyText(last));
  }
  if (interrupt.signal.aborted) return EXIT_INTERRUPTED;
  const skipped = last?.skipped.values().reduce((sum, count) => sum + count, 0) ?? 0;
  if (last?.accepted === 0 && last.duplicates === 0 && skipped > 0) {
    process.stderr.write('No line could be used: is it a log of a known format? See --help.\n');
    return EXIT_FAILED;
  }
  return 0;
}

function describe({ path, format, firstTimeMs }: LogFile): string {
  const since = firstTimeMs === undefined ? '' : `, from ${new Date(firstTimeMs).toISOString()}`;
  return `${path}: ${format ?? 'no known format, so every line will be skipped'}${since}\n`;
}
