import { writeFile } from 'node:fs/promises';
import type { Analysis } from '@liminal/backend/analysis/analysis';
import { AnalysisStore } from '@liminal/backend/analysis/analysis-store';
import { Analyst } from '@liminal/backend/analysis/analyst';
import { Budget } from '@liminal/backend/analysis/budget/budget';
import { analysisEnvironment, toAnalysisConfig } from '@liminal/backend/analysis/config';
import { type Said, type Score, scoreOf } from '@liminal/backend/analysis/evaluation/score-verdicts';
import { evidenceOf } from '@liminal/backend/analysis/evidence';
import { createAnalysisMetrics } from '@liminal/backend/analysis/metrics';
import { Provider } from '@liminal/backend/analysis/providers/provider';
import type { ProviderSettings } from '@liminal/backend/analysis/providers/provider-settings';
import { RULE_ANALYST } from '@liminal/backend/analysis/rule-analyst';
import { ConfigError, parseEnvironment } from '@liminal/shared/runtime/base-config';
import { createProgress } from '@liminal/shared/runtime/progress';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { type LabelledIncident, labelledIncidents, STEPS } from './labelled-incidents.ts';
import { type EvalOptions, readOptions, USAGE } from './options.ts';

import { startStandIns } from './stand-ins.ts';

const EXIT_USAGE = 2;
const AT_ONCE = 4;

interface Analysed {
  incident: LabelledIncident;
  analysis: Analysis;
}

async function evaluate({ incidents: ofEach, users, seed, json }: EvalOptions): Promise<void> {
  const config = toAnalysisConfig(parseEnvironment(analysisEnvironment, process.env));
  const preparing = createProgress({ label: 'incidents', total: STEPS });
  const incidents = await labelledIncidents({
    seed,
    users,
    ofEach,
    onProgress: (done, _total, detail) => preparing.update(done, detail),
  });
  preparing.stop();
  const standIns = config.providers.length === 0 ? await startStandIns() : undefined;
  const settings = standIns?.settings ?? config.providers;
  const analysed = await analyseAll(incidents, settings, config);
  await standIns?.stop();
  printTable(analysed, settings);
  if (standIns !== undefined) {
    console.log('No LLM_PROVIDERS: the loopback-… rows are stand-ins that answer by rule of thumb. See --help.');
  }
  if (json !== undefined) {
    const verdicts = analysed.map(({ incident, analysis }) => ({ truth: incident.truth, analysis }));
    await writeFile(json, `${JSON.stringify(verdicts, undefined, 2)}\n`);
    console.log(`Every verdict is in ${json}.`);
  }
}

/** The whole way of the backend but its queue: pseudonyms, budget, time-outs, circuit breakers, checks, consensus. */
async function analyseAll(
  incidents: readonly LabelledIncident[],
  settings: readonly ProviderSettings[],
  { budget: limits, calls }: ReturnType<typeof toAnalysisConfig>,
): Promise<Analysed[]> {
  await using server = await startTestRedis();
  const redis = new Redis(server.url);
  const budget = new Budget(redis, limits, Date.now);
  const metrics = createAnalysisMetrics(new Registry(), {
    providers: [],
    readSpentRatios: () => budget.spentRatios(),
  });
  const progress = createProgress({ label: 'analyses', total: incidents.length });
  const log = { warn: (fields: object, message: string) => progress.note(`${message} ${describe(fields)}`) };
  const store = new AnalysisStore({ redis, keepSeconds: 3_600, cacheSeconds: 0 });
  const analyst = new Analyst({
    providers: settings.map((one) => new Provider(one, { budget, metrics, calls, log })),
    // All of them are asked about every incident, or they could not be compared.
    panel: settings.length,
    store,
    pseudonymKey: () => store.pseudonymKey(Date.now()),
    onCached: () => {},
    now: Date.now,
  });
  const signal = new AbortController().signal;
  const waiting = [...incidents.entries()];
  const analysed: Analysed[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, incident] = next;
      const evidence = evidenceOf(incident.entry, incident.surroundings);
      const options = { requestedBy: 'eval', isFresh: true, signal, onProgress: () => {} };
      analysed[index] = { incident, analysis: await analyst.analyse(evidence, options) };
      const done = incidents.length - waiting.length;
      progress.update(done, `${done} of ${incidents.length}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  progress.stop();
  redis.disconnect();
  return analysed;
}

const describe = (fields: object): string =>
  Object.entries(fields)
    .filter(([name]) => name !== 'err')
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');

function printTable(analysed: readonly Analysed[], settings: readonly ProviderSettings[]): void {
  const rows = [
    { analyst: `${RULE_ANALYST} (baseline)`, said: analysed.map((of) => saidBy(of, RULE_ANALYST)) },
    ...settings.map(({ name }) => ({ analyst: name, said: analysed.map((of) => saidBy(of, name)) })),
    { analyst: 'consensus', said: analysed.map(saidByAll) },
  ];
  console.table(Object.fromEntries(rows.map(({ analyst, said }) => [analyst, toRow(scoreOf(said))])));
}

function saidBy({ incident: { truth }, analysis }: Analysed, name: string): Said {
  const answer = analysis.analysts.find(({ analyst }) => analyst === name);
  if (answer === undefined) return { truth, verdict: null, invented: 0, costUsd: 0, seconds: 0 };
  // The rules have no vote beside providers, and are judged all the same.
  const counts = answer.counts || name === RULE_ANALYST;
  const { invented, costUsd, seconds } = answer;
  return { truth, verdict: counts ? answer.verdict : null, invented: invented.length, costUsd, seconds };
}

/** Where analysts disagree there is no verdict, which counts as a wrong one. */
function saidByAll({ incident: { truth }, analysis }: Analysed): Said {
  const { consensus, costUsd, analysts } = analysis;
  const { category, severity } = consensus;
  const seconds = Math.max(...analysts.map((of) => of.seconds));
  const verdict = category === null || severity === null ? null : { category, severity };
  return { truth, verdict, invented: 0, costUsd, seconds };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

const toRow = (score: Score): Record<string, string | number> => ({
  incidents: score.incidents,
  verdicts: score.verdicts,
  'category right': percent(score.category),
  'severity right': percent(score.severity),
  'missed attacks': score.missedAttacks,
  'false alarms': score.falseAlarms,
  'invented refs': score.invented,
  'cost $': score.costUsd.toFixed(4),
  'p50 s': score.p50Seconds.toFixed(3),
  'p95 s': score.p95Seconds.toFixed(3),
});

try {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') process.stdout.write(USAGE);
  else await evaluate(options);
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`eval:llm: ${error.message}\n`);
  process.exitCode = EXIT_USAGE;
}
