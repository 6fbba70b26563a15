import type { Findings } from '../findings/findings-text.ts';
import { replayFiles } from '../import/replay-files.ts';
import { tallyText } from '../import/tally-text.ts';
import { untilOwnRelease } from './pipeline.ts';
import { findings, type RunContext } from './simulate-run.ts';

/** Time from the last event to the first own release: archiving, the look at the rules, the training. */
const RELEASE_WITHIN_MS = 40_000;

/** Feeds logs into a running suite and waits for what comes of them. */
export async function replayRun(context: RunContext, files: readonly string[]): Promise<Findings> {
  const { urls, reporter, signal } = context;
  const found = await findings(context, async () => {
    const tally = await replayFiles({
      files,
      url: urls.backend,
      speed: 'max',
      now: context.now(),
      signal,
      onProgress: ({ bytesRead, bytesTotal, accepted, waiting }) =>
        reporter.status(
          waiting ??
            `replayed ${Math.floor((100 * bytesRead) / Math.max(bytesTotal, 1))} %, ` +
              `${accepted.toLocaleString('en')} events taken`,
        ),
    });
    signal.throwIfAborted();
    reporter.status('');
    reporter.say(tallyText(tally).trimEnd());
    return null;
  });
  if (!found.release.provisional) return found;
  const onWaiting = (message: string): void => reporter.status(message);
  const own = await untilOwnRelease(urls, onWaiting, { signal, timeoutMs: RELEASE_WITHIN_MS });
  reporter.status('');
  reporter.say(
    own === null
      ? 'The factory release still serves: the first own release needs 500 rows of 20 users (BOOTSTRAP_MIN_ROWS, BOOTSTRAP_MIN_USERS).'
      : `Release ${own.id}, trained on ${own.trainingData.rows} rows of ${own.trainingData.users} users of these logs, scores what comes next.`,
  );
  return found;
}
