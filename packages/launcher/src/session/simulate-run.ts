import { type Label, SCENARIOS } from '@liminal/simulator/label';
import type { AttackedTrafficOptions } from '@liminal/simulator/traffic';
import type { Findings } from '../findings/findings-text.ts';
import { readAnomalies, readNewestPredictions } from '../findings/read-anomalies.ts';
import { type SimulateProgress, simulateInto } from '../simulate/simulate-into.ts';
import type { Reporter } from '../suite/reporter.ts';
import { SuiteError } from '../suite/suite-error.ts';
import { productionRelease, readPipeline, type Urls, untilOwnRelease, untilScored } from './pipeline.ts';
import { planSimulation, type SimulationPlan, type SimulationSituation, type Stretch } from './simulation-plan.ts';
import { appendLabels, readSimulatorState, writeSimulatorState } from './simulator-state.ts';

type AttackCounts = Exclude<AttackedTrafficOptions['attacks'], 'none' | undefined>;

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
  const serving = await productionRelease(urls);
  const plan = planOrExplain({
    state: await readSimulatorState(home),
    seed,
    hasOwnRelease: serving?.provisional === false,
    nowMs: context.now(),
  });
  if (plan.normal !== null) {
    reporter.say('Simulating a day without attacks, to learn from.');
    await feed(context, plan, plan.normal, 'none');
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
  else if (release.id !== serving?.id) reporter.say(`Release ${release.id} serves now, trained on this traffic.`);

  const { attacked } = plan;
  const attacks = attacksOf(attacked.attacksPerScenario);
  reporter.say(
    attacks === 'none'
      ? 'Simulating the time since then: too short a time for an attack.'
      : `Simulating the time since then, with ${attacked.attacksPerScenario} labelled attacks of each kind.`,
  );
  return findings(context, () => feed(context, plan, attacked, attacks));
}

function attacksOf(each: number): AttackCounts | 'none' {
  if (each === 0) return 'none';
  return Object.fromEntries(SCENARIOS.map((scenario) => [scenario, each])) as AttackCounts;
}

function planOrExplain(situation: SimulationSituation): SimulationPlan {
  try {
    return planSimulation(situation);
  } catch (cause) {
    if (cause instanceof RangeError) throw new SuiteError(cause.message, { cause });
    throw cause;
  }
}

/**
 * Runs `feeding`, waits until everything is scored, and gathers what was found meanwhile.
 *
 * @param feeding gives the attacks among what it fed, null when nobody knows them
 */
export async function findings(context: RunContext, feeding: () => Promise<Label[] | null>): Promise<Findings> {
  const { urls } = context;
  const startedAt = context.now();
  const before = await readPipeline(urls);
  const labels = await feeding();
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
async function feed(
  context: RunContext,
  plan: SimulationPlan,
  stretch: Stretch,
  attacks: AttackedTrafficOptions['attacks'],
): Promise<Label[]> {
  const { home, reporter, signal, urls } = context;
  const { seed, users } = plan;
  const { startMs, endMs } = stretch;
  let last: SimulateProgress | undefined;
  try {
    const tally = await simulateInto({
      target: { kind: 'backend', url: urls.backend, speed: 'max' },
      traffic: { seed, users, startMs, endMs, ...(attacks !== undefined && { attacks }) },
      labelsPath: undefined,
      signal,
      onProgress: (progress) => {
        last = progress;
        const ratio = (progress.reachedMs - startMs) / (endMs - startMs);
        const taken = progress.accepted.toLocaleString('en');
        reporter.status(progress.waiting ?? `simulated ${Math.floor(100 * ratio)} %, ${taken} events taken`);
      },
    });
    signal.throwIfAborted();
    reporter.status('');
    reporter.say(`${tally.accepted.toLocaleString('en')} events taken.`);
    return tally.labels;
  } finally {
    await appendLabels(home, last?.labels ?? []);
    await writeSimulatorState(home, { seed, users, simulatedToMs: last?.reachedMs ?? startMs });
  }
}
