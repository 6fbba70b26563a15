import type { Truth } from '@liminal/backend/analysis/evaluation/score-verdicts';
import type { Surroundings } from '@liminal/backend/analysis/evidence';
import {
  ATTACK_CATEGORIES,
  type Category,
  USUAL_SEVERITY,
  type VerdictSeverity,
} from '@liminal/backend/analysis/verdict';
import { trainInProcess } from '@liminal/kenning/pipelines/train-in-process';
import { DEFAULT_RELEASE_TRAINING } from '@liminal/kenning/pipelines/train-release-models';
import { severityOf } from '@liminal/predictor/alarms/severity';
import { expectationsOf } from '@liminal/predictor/explain/expectations';
import { summarise } from '@liminal/predictor/explain/summary';
import { ReleaseExplainer } from '@liminal/predictor/explanations/release-explainer';
import { belongsToHistory, HISTORY_LENGTH } from '@liminal/predictor/history/user-history';
import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import { FEATURE_COUNT, PREDICTED_USER_LOAD } from '@liminal/shared/contracts/feature-vector';
import { modelInputs } from '@liminal/shared/contracts/model-input';
import { isAnomaly, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { Random } from '@liminal/shared/runtime/random';
import type { Label } from '@liminal/simulator/label';
import { type SimulatedVector, simulatedVectors } from '../../services/backend/test/simulated-vectors.ts';
import { loadedRelease, simulatedRows } from '../../services/kenning/test/trained-release.ts';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 12);
const ALERT_RATE = 0.01;
const ROWS_PER_RUN = 256;
/** Anomalies of one attacked user that may be taken: more would only say the same again. */
const MOST_OF_AN_ATTACK = 3;

export interface LabelledIncident {
  entry: Extract<AnomalyEntry, { entity: 'user' }>;
  surroundings: Surroundings;
  truth: Truth;
}

export interface IncidentOptions {
  seed: number;
  users: number;
  /** Incidents of each scenario, and as many false alarms. */
  ofEach: number;
  onProgress(done: number, total: number, detail: string): void;
}

/** Steps of the work, for progress. */
export const STEPS = 4;

/**
 * Anomalies of a simulated day, as the suite would store them: folded, scored and explained by a release that was trained
 * on another day without attacks. Needs no running suite. Truth comes from the simulator's labels.
 */
export async function labelledIncidents(options: IncidentOptions): Promise<LabelledIncident[]> {
  const { seed, users, ofEach, onProgress } = options;
  onProgress(0, STEPS, 'training a release on a day without attacks');
  const rows = simulatedRows({ seed: 1, platformUsers: users });
  const loaded = await loadedRelease(await trainInProcess({ rows, options: DEFAULT_RELEASE_TRAINING, seed: 1 }));
  onProgress(1, STEPS, 'simulating and scoring a day with attacks');
  const release = await OpenRelease.open(loaded);
  const found = await scoreDay(release, { seed, users, ofEach });
  onProgress(2, STEPS, `choosing among ${found.length} anomalies`);
  const chosen = choose(found, ofEach, new Random(seed));
  onProgress(3, STEPS, `explaining ${chosen.length} of them`);
  const explainer = await ReleaseExplainer.open(loaded);
  const incidents: LabelledIncident[] = [];
  for (const { record, simulated, history } of chosen) {
    const { scores, pValue, values } = record;
    const [shap] = await explainer.explainAnomalies([{ inputs: modelInputs([record]), scores, pValue }]);
    const { expectations, userVectors } = expectationsOf(explainer.everyone, featuresOf(history));
    const vector = { values, shapValues: shap!.shapValues, expectations };
    const summaries = { en: summarise(vector, 'en'), ru: summarise(vector, 'ru') };
    if (record.severity === 'none') record.severity = 'warning';
    incidents.push({
      entry: { entity: 'user', record, explanation: { shap: shap!, expectations, userVectors, summaries } },
      surroundings: { history, events: simulated.events },
      truth: truthOf(simulated),
    });
  }
  await explainer.close();
  await release.close();
  onProgress(STEPS, STEPS, `${incidents.length} incidents`);
  return incidents;
}

const featuresOf = (history: readonly Float32Array[]): Float32Array =>
  Float32Array.from(history.flatMap((values) => [...values.subarray(0, FEATURE_COUNT)]));

interface FoundAnomaly {
  record: PredictionRecord;
  simulated: SimulatedVector;
  history: Float32Array[];
}

async function scoreDay(release: OpenRelease, { seed, users, ofEach }: Omit<IncidentOptions, 'onProgress'>) {
  const perScenario = Math.min(ofEach, Math.floor(users / 50));
  const attacks = Object.fromEntries(ATTACK_CATEGORIES.map((scenario) => [scenario, Math.max(perScenario, 1)]));
  const period = { startMs: START_MS, endMs: START_MS + DAY_MS };
  const found: FoundAnomaly[] = [];
  const histories = new Map<string, Float32Array[]>();
  let waiting: SimulatedVector[] = [];
  const scoreWaiting = async (): Promise<void> => {
    const vectors = waiting.map(({ vector }) => vector);
    const scored = await release.score(modelInputs(vectors), vectors.length);
    for (const [row, simulated] of waiting.entries()) {
      const { user, ts, seq, values } = simulated.vector;
      const { scores, pValue, forecast, predictedLoad } = scored[row]!;
      values[PREDICTED_USER_LOAD] = predictedLoad;
      const severity = severityOf(pValue, ALERT_RATE, release.isProvisional);
      const made = { release: release.id, provisional: release.isProvisional, scoredAt: ts };
      const record = { user, ts, seq, values, forecast, checked: null, scores, pValue, severity, ...made };
      const history = histories.get(user) ?? [];
      if (isAnomaly(record) || simulated.label !== undefined) found.push({ record, simulated, history });
      if (belongsToHistory(record)) {
        histories.set(user, [values.slice(0, FEATURE_COUNT), ...history].slice(0, HISTORY_LENGTH));
      }
    }
    waiting = [];
  };
  for (const simulated of simulatedVectors({ seed, ...period, users, attacks })) {
    waiting.push(simulated);
    if (waiting.length === ROWS_PER_RUN) await scoreWaiting();
  }
  if (waiting.length > 0) await scoreWaiting();
  return found;
}

/**
 * As many of each kind as are wanted and there are, spread over attacks and users. Anomalies first: of a scenario on which
 * the models raise no alarm, vectors during the attack stand in, so that analysts are judged by all scenarios.
 */
function choose(found: readonly FoundAnomaly[], ofEach: number, random: Random): FoundAnomaly[] {
  const shuffled = [...random.sample(found.length, found.length)]
    .map((index) => found[index]!)
    .sort((left, right) => Number(isAnomaly(right.record)) - Number(isAnomaly(left.record)));
  const taken = new Map<string, number>();
  const countIn = (key: string): number => taken.get(key) ?? 0;
  const chosen = shuffled.filter(({ record, simulated }) => {
    const kind = truthOf(simulated).category;
    const attack = `${kind} ${simulated.label?.id} ${record.user}`;
    if (countIn(kind) >= ofEach || countIn(attack) >= MOST_OF_AN_ATTACK) return false;
    for (const key of [kind, attack]) taken.set(key, countIn(key) + 1);
    return true;
  });
  return chosen.sort((left, right) => left.record.ts - right.record.ts);
}

function truthOf({ label, events }: Pick<SimulatedVector, 'label' | 'events'>): Truth {
  if (label === undefined) return { category: 'benign', severity: 'none' };
  return { category: label.scenario, severity: hasBrokenIn(label, events) ? 'critical' : severityOfCategory(label) };
}

const severityOfCategory = ({ scenario }: Label): VerdictSeverity => USUAL_SEVERITY[scenario satisfies Category];

/** A tried password that worked makes it worse than trying. */
const hasBrokenIn = ({ scenario, ips }: Label, events: SimulatedVector['events']): boolean =>
  scenario === 'credential-stuffing' &&
  events.some((event) => event.kind === 'login' && event.success && ips.includes(event.ip));
