import { belongsToHistory } from '@liminal/predictor/history/user-history';
import { FEATURE_COUNT, type FeatureVector, PREDICTED_USER_LOAD } from '@liminal/shared/contracts/feature-vector';
import { modelInputs } from '@liminal/shared/contracts/model-input';
import type { PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { replayEvents } from '@liminal/shared/features/replay';
import type { LoadedRelease } from '@liminal/shared/release/load-release';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { type ExportJob, withNightlyExports } from '@liminal/simulator/benign/nightly-export';
import { type Label, SCENARIOS } from '@liminal/simulator/label';
import { simulateTraffic } from '@liminal/simulator/traffic';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 12);
export const DAYS = 3;
export const NIGHT_ENDS_HOUR = 4;
/** What an attack leaves in the features stays in them for the length of their window. */
const WINDOW_MS = 300_000;
const ROWS_PER_RUN = 256;

/** A vector that alarms at the rate of the operator. */
export interface SimulatedAlarm {
  record: PredictionRecord;
  smallestPValue: number;
  /** Undefined where nobody attacks the user just then. */
  attack: Label | undefined;
  /** Of the user's export: 0, 1, …; undefined where it does not run just then. */
  night: number | undefined;
  /** Features of the user's earlier vectors, row-major, for users with an export. */
  history: Float32Array;
}

export interface SimulatedDays {
  alarms: SimulatedAlarm[];
  /** Vectors of attacked users during their attacks. */
  attackedVectors: Map<Label, number>;
  labels: Label[];
  jobs: readonly ExportJob[];
  /** Users with an export whom an attack hits as well. */
  victims: ReadonlySet<string>;
}

export interface SimulatedDaysOptions {
  seed: number;
  users: number;
  attacksOfEach: number;
  /** Users with an export whom nobody attacks. */
  exports: number;
  /** And attacks of each scenario on users with one. */
  victimsOfEach: number;
  alertRate: number;
}

/**
 * Three days with attacks and with exports: of some users whom nobody attacks, and of some victims of each scenario, which is as
 * hard as it gets for what is held back of a user.
 */
export async function simulatedDays(loaded: LoadedRelease, options: SimulatedDaysOptions): Promise<SimulatedDays> {
  const { seed, users, attacksOfEach, alertRate } = options;
  const period = { startMs: START_MS, endMs: START_MS + DAYS * DAY_MS };
  const attacks = Object.fromEntries(SCENARIOS.map((scenario) => [scenario, attacksOfEach]));
  const { events, labels } = simulateTraffic({ seed, ...period, users, attacks });
  const touched = new Set(labels.flatMap((label) => [...label.users, ...label.touchedUsers]));
  const everybody = [...new Set([...events()].map(({ user }) => user))].sort();
  const calm = everybody.filter((user) => !touched.has(user)).slice(0, options.exports);
  const victims = SCENARIOS.flatMap((scenario) =>
    labels
      .filter((label) => label.scenario === scenario)
      .slice(0, options.victimsOfEach)
      .map((label) => label.users[0]!),
  );
  const jobs = [...calm, ...victims].map((user, index) => ({ user, host: index + 1 }));
  const result: SimulatedDays = {
    alarms: [],
    attackedVectors: new Map(labels.map((label) => [label, 0])),
    labels,
    jobs,
    victims: new Set(victims),
  };
  const exporting = new Set(jobs.map(({ user }) => user));
  const histories = new Map([...exporting].map((user) => [user, [] as Float32Array[]]));
  const release = await OpenRelease.open(loaded);
  let waiting: FeatureVector[] = [];
  const flush = async (): Promise<void> => {
    const scored = await release.score(modelInputs(waiting), waiting.length);
    for (const [row, { user, ts, seq, values }] of waiting.entries()) {
      const { scores, pValue, smallestPValue, forecast, predictedLoad } = scored[row]!;
      values[PREDICTED_USER_LOAD] = predictedLoad;
      const record: PredictionRecord = {
        user,
        ts,
        seq,
        values,
        forecast,
        checked: null,
        scores,
        pValue,
        severity: pValue <= alertRate ? 'warning' : 'none',
        release: release.id,
        provisional: false,
        scoredAt: ts,
      };
      const attack = labels.find((label) => isDuring(label, record));
      if (attack !== undefined) result.attackedVectors.set(attack, result.attackedVectors.get(attack)! + 1);
      const history = histories.get(user);
      if (history !== undefined && belongsToHistory(record)) history.push(values.slice(0, FEATURE_COUNT));
      if (pValue > alertRate) continue;
      const night = exporting.has(user) && attack === undefined ? nightOf(ts) : undefined;
      const recent = history?.slice(-32).reverse() ?? [];
      const flat = new Float32Array(recent.length * FEATURE_COUNT);
      for (const [index, one] of recent.entries()) flat.set(one, index * FEATURE_COUNT);
      result.alarms.push({ record, smallestPValue, attack, night, history: flat });
    }
    waiting = [];
  };
  for (const vector of replayEvents(withNightlyExports(events(), jobs, period))) {
    waiting.push(vector);
    if (waiting.length === ROWS_PER_RUN) await flush();
  }
  if (waiting.length > 0) await flush();
  await release.close();
  return result;
}

function nightOf(ts: number): number | undefined {
  const hour = (ts % DAY_MS) / (DAY_MS / 24);
  return hour >= 2 && hour < NIGHT_ENDS_HOUR ? Math.floor((ts - START_MS) / DAY_MS) : undefined;
}

const isDuring = ({ users, fromMs, toMs }: Label, { user, ts }: PredictionRecord): boolean =>
  users.includes(user) && ts >= fromMs && ts <= toMs + WINDOW_MS;
