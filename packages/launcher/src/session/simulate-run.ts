import type { Event } from '@liminal/shared/contracts/event';
import { type Label, SCENARIOS, type Scenario } from '@liminal/simulator/label';
import { simulateTraffic, type Traffic } from '@liminal/simulator/traffic';
import { feedEvents } from '../feed/feed-events.ts';
import type { Findings } from '../findings/findings-text.ts';
import { readAnomalies, readNewestPredictions } from '../findings/read-anomalies.ts';
import type { Reporter } from '../suite/reporter.ts';
import { SuiteError } from '../suite/suite-error.ts';
import { productionRelease, readPipeline, type Urls, untilOwnRelease, untilScored } from './pipeline.ts';
import { planSimulation, type SimulationPlan, type Stretch } from './simulation-plan.ts';
import { appendLabels, readSimulatorState, writeSimulatorState } from './simulator-state.ts';

export interface RunContext {
  urls: Urls;
  home: string;
  reporter: Reporter;
  signal: AbortSignal;
  /** Wall-clock time, ms since the epoch. */
  now(): number;
}

const SCORED_WITHIN_MS = 120_000;
const RELEASE_WITHIN_MS = 120_000;

/**
 * Feeds simulated traffic into a running suite: at first a day without attacks, from which the suite trains the first
 * release of its own, then hours with labelled attacks, which that release scores.
 *
 * @returns null when everything up to now is simulated already
 */
export async function simulateRun(context: RunContext, seed: number | undefined): Promise<Findings | null> {
  const { urls, home, reporter, signal } = context;
  const plan = planOrExplain(await readSimulatorState(home), seed, context.now());
  if (plan.normal !== null) {
    reporter.say('Simulating a day without attacks, to learn from.');
    await feed(context, plan, plan.normal, simulateTraffic({ ...plan, ...plan.normal, attacks: 'none' }));
  }
  await scored(context);
  if (plan.attacked === null) {
    reporter.say('Simulated traffic reaches up to now already: nothing to add.');
    return null;
  }
  const onWaiting = (message: string): void => reporter.status(message);
  const release = await untilOwnRelease(urls, onWaiting, { signal, timeoutMs: RELEASE_WITHIN_MS });
  reporter.status('');
  if (release === null) reporter.say('There is no release of its own yet: the factory release scores what follows.');
  else reporter.say(`Release ${release.id} serves now, trained on this traffic.`);

  const { attacksPerScenario } = plan.attacked;
  const attacks = Object.fromEntries(SCENARIOS.map((name) => [name, attacksPerScenario])) as Record<Scenario, number>;
  const traffic = simulateTraffic({ ...plan, ...plan.attacked, attacks });
  const { labels } = traffic;
  reporter.say(`Simulating the time since then, with ${labels.length} labelled attacks.`);
  await appendLabels(home, labels);
  return findings(context, labels, () => feed(context, plan, plan.attacked!, traffic));
}

function planOrExplain(...args: Parameters<typeof planSimulation>): SimulationPlan {
  try {
    return planSimulation(...args);
  } catch (cause) {
    if (cause instanceof RangeError) throw new SuiteError(cause.message, { cause });
    throw cause;
  }
}

/** Runs `feeding`, waits until everything is scored, and gathers what was found meanwhile. */
export async function findings(
  context: RunContext,
  labels: readonly Label[] | null,
  feeding: () => Promise<void>,
): Promise<Findings> {
  const { urls } = context;
  const startedAt = context.now();
  const before = await readPipeline(urls);
  await feeding();
  await scored(context);
  const [after, anomalies, newest, release] = await Promise.all([
    readPipeline(urls),
    readAnomalies(urls.backend, startedAt),
    readNewestPredictions(urls.predictor),
    productionRelease(urls),
  ]);
  if (release === null) throw new SuiteError('no release serves any more: look at GET /releases of kenning');
  return { release, anomalies, newest, labels, predictions: after.predictions.made - before.predictions.made };
}

async function scored({ urls, reporter, signal }: RunContext): Promise<void> {
  const options = { signal, timeoutMs: SCORED_WITHIN_MS };
  const done = await untilScored(urls, (message) => reporter.status(message), options);
  reporter.status('');
  if (done === null) {
    throw new SuiteError(`not everything was scored within ${SCORED_WITHIN_MS / 1000} s: look at GET /ml/metrics`);
  }
}

/** Feeds a stretch, and remembers how far it got even when it is interrupted: nothing is to be simulated twice. */
async function feed(context: RunContext, plan: SimulationPlan, stretch: Stretch, traffic: Traffic): Promise<void> {
  const { home, reporter, signal, urls } = context;
  let simulatedToMs = stretch.startMs;
  function* watched(): Generator<Event> {
    for (const event of traffic.events()) {
      simulatedToMs = Number(event.ts);
      yield event;
    }
  }
  try {
    const { accepted } = await feedEvents(watched(), {
      url: urls.backend,
      speed: 'max',
      signal,
      onProgress: ({ accepted: taken, waiting }) => {
        const ratio = (simulatedToMs - stretch.startMs) / (stretch.endMs - stretch.startMs);
        reporter.status(
          waiting ?? `simulated ${Math.floor(100 * ratio)} %, ${taken.toLocaleString('en')} events taken`,
        );
      },
    });
    signal.throwIfAborted();
    simulatedToMs = stretch.endMs;
    reporter.status('');
    reporter.say(`${accepted.toLocaleString('en')} events taken.`);
  } finally {
    const { seed, users } = plan;
    await writeSimulatorState(home, { seed, users, simulatedToMs });
  }
}
