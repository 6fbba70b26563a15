import { ConfigError } from '@liminal/shared/runtime/base-config';
import { FeedError } from '../feed/feed-error.ts';
import { findingsText } from '../findings/findings-text.ts';
import { ImportError } from '../import/import-error.ts';
import { ApiError } from '../session/api.ts';
import { replayRun } from '../session/replay-run.ts';
import { type RunContext, simulateRun } from '../session/simulate-run.ts';
import { type LauncherConfig, loadConfig, USAGE } from '../suite/config.ts';
import { terminalReporter } from '../suite/reporter.ts';
import { type Suite, startSuite } from '../suite/suite.ts';
import { SuiteError } from '../suite/suite-error.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** What shells expect of a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

const interrupt = new AbortController();
const reporter = terminalReporter(process.stdout, () => performance.now());
let suite: Suite | undefined;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupt.signal.aborted) {
      suite?.kill();
      process.exit(EXIT_INTERRUPTED);
    }
    interrupt.abort();
  });
}
// A terminal that was closed must not keep the suite from stopping in order.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

process.exitCode = await main();
// Connections that were kept alive would hold the process for some seconds more.
process.exit();

/** Returns the exit code. */
async function main(): Promise<number> {
  try {
    const config = loadConfig(process.env, process.argv.slice(2));
    if (config === 'help') {
      process.stdout.write(USAGE);
      return 0;
    }
    return await run(config);
  } catch (error) {
    if (error instanceof ConfigError) {
      process.stderr.write(`${error.message}\n`);
      return EXIT_USAGE;
    }
    if (interrupt.signal.aborted) return EXIT_INTERRUPTED;
    if (!isForThePerson(error)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT_FAILED;
  }
}

/** Whether the message says all there is to say; anything else is a fault of ours and shows where it was. */
function isForThePerson(error: unknown): error is Error {
  return [SuiteError, FeedError, ImportError, ApiError].some((kind) => error instanceof kind);
}

async function run(config: LauncherConfig): Promise<number> {
  const running = await startSuite(config.suite, reporter, interrupt.signal);
  suite = running;
  try {
    reporter.say('All five services are ready.');
    await feed(config, { ...running, home: config.suite.home, reporter, signal: interrupt.signal, now: Date.now });
    reporter.say(urlsToTry(running, config.suite.home));
    await interrupted(interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
  } finally {
    reporter.status('');
    reporter.say('Stopping: the services finish what they have begun. Ctrl-C again ends them at once.');
    await running.stop();
  }
  reporter.say('Stopped. The next start continues from here.');
  return 0;
}

async function feed({ feed: wanted, seed }: LauncherConfig, context: RunContext): Promise<void> {
  if (wanted.kind === 'none') return;
  const found = wanted.kind === 'simulate' ? await simulateRun(context, seed) : await replayRun(context, wanted.files);
  if (found !== null) reporter.say(`\n${findingsText(found)}`);
}

function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
}

function urlsToTry({ urls }: Suite, home: string): string {
  return `
Try:
  curl '${urls.predictor}/predict?limit=5&minSeverity=warning'
  curl '${urls.backend}/ml/anomalies?limit=5'
  curl '${urls.kenning}/releases'
  curl -X POST '${urls.backend}/events' -H 'content-type: application/json' \\
    -d '{"kind":"login","ts":${Date.now()},"user":"alice","ip":"203.0.113.7","success":true}'
API documentation: ${urls.backend}/docs, and /docs of every other service
Logs, models and data: ${home}
Ctrl-C stops everything.`;
}
