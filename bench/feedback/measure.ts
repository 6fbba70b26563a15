import { trainInProcess } from '@liminal/kenning/pipelines/train-in-process';
import { DEFAULT_RELEASE_TRAINING } from '@liminal/kenning/pipelines/train-release-models';
import { type Label, SCENARIOS } from '@liminal/simulator/label';
import { loadedRelease, simulatedRows } from '../../services/kenning/test/trained-release.ts';
import type { TableRow } from '../markdown-table.ts';
import { isAlarm, type JudgedNights, judgeNights } from './judged-nights.ts';
import { DAYS, type SimulatedAlarm, type SimulatedDays, simulatedDays } from './simulated-alarms.ts';

export const USERS = 400;
export const EXPORTS = 6;
export const ATTACKS_OF_EACH = 12;
export const VICTIMS_OF_EACH = 3;
/** `FEEDBACK_SEEDS`: fewer, for a quick look. */
export const SEEDS = [201, 202, 203].slice(0, Number(process.env.FEEDBACK_SEEDS ?? 3));
/** Points that the detection of a scenario may lose. */
export const ALLOWED_POINTS = 2;
/** Share of the alarms of the pattern that have to be gone in the last night. */
export const LEAST_GONE = 0.5;
const ALERT_RATE = 0.01;
const JUDGING = {
  alertRate: ALERT_RATE,
  precisionFloor: 0.3,
  minVerdicts: 30,
  falsePositiveMs: 14 * 86_400_000,
};

export interface MeasuredTable {
  rows: TableRow[];
  problems: string[];
}

export interface MeasuredFeedback {
  nights: MeasuredTable;
  detection: MeasuredTable;
  victims: MeasuredTable;
  others: MeasuredTable;
}

interface Run extends JudgedNights {
  days: SimulatedDays;
}

export async function measureFeedback(): Promise<MeasuredFeedback> {
  const rows = simulatedRows({ seed: 1, platformUsers: USERS });
  const loaded = await loadedRelease(await trainInProcess({ rows, options: DEFAULT_RELEASE_TRAINING, seed: 1 }));
  const runs: Run[] = [];
  for (const seed of SEEDS) {
    const days = await simulatedDays(loaded, {
      seed,
      users: USERS,
      attacksOfEach: ATTACKS_OF_EACH,
      exports: EXPORTS,
      victimsOfEach: VICTIMS_OF_EACH,
      alertRate: ALERT_RATE,
    });
    runs.push({ days, ...(await judgeNights(loaded, days, JUDGING)) });
  }
  return {
    nights: nightsTable(runs),
    detection: detectionTable(runs, false),
    victims: detectionTable(runs, true),
    others: othersTable(runs),
  };
}

function nightsTable(runs: readonly Run[]): MeasuredTable {
  const rows = Array.from({ length: DAYS }, (_, night) => {
    const of = runs.map(({ nights }) => nights[night]!);
    const [before, after, users, usersAfter, verdicts] = (
      ['before', 'after', 'users', 'usersAfter', 'verdicts'] as const
    ).map((what) => of.reduce((sum, one) => sum + one[what], 0)) as [number, number, number, number, number];
    return {
      night: night + 1,
      'alarms without feedback': before,
      'alarms with feedback': after,
      gone: percent(1 - after / before),
      'users that alarm without': users,
      'users that alarm with': usersAfter,
      'verdicts in the morning': verdicts,
      share: 1 - after / before,
    };
  });
  const last = rows.at(-1)!;
  const problems = last.share < LEAST_GONE ? [`only ${last.gone} of the alarms of the pattern are gone`] : [];
  return { rows: rows.map(({ share: _, ...row }) => row), problems };
}

/** Of attacks on users without an export, or of those on users with one: found with and without what is held back. */
function detectionTable(runs: readonly Run[], ofVictims: boolean): MeasuredTable {
  const rows: TableRow[] = [];
  const problems: string[] = [];
  for (const scenario of SCENARIOS) {
    const counts = { attacks: 0, before: 0, after: 0, vectors: 0, alarmsBefore: 0, alarmsAfter: 0 };
    for (const { days, decided } of runs) {
      const isOf = (label: Label): boolean =>
        label.scenario === scenario && label.users.some((user) => days.victims.has(user)) === ofVictims;
      const labels = days.labels.filter(isOf);
      const alarms = days.alarms.filter(({ attack }) => attack !== undefined && isOf(attack));
      const left = alarms.filter((alarm) => isAlarm(decided, alarm, ALERT_RATE));
      counts.attacks += labels.length;
      counts.vectors += labels.reduce((sum, label) => sum + days.attackedVectors.get(label)!, 0);
      counts.before += found(alarms);
      counts.after += found(left);
      counts.alarmsBefore += alarms.length;
      counts.alarmsAfter += left.length;
    }
    const { attacks, before, after, vectors, alarmsBefore, alarmsAfter } = counts;
    const points = (100 * (after - before)) / attacks;
    const vectorPoints = (100 * (alarmsAfter - alarmsBefore)) / vectors;
    rows.push({
      scenario,
      attacks,
      'found before': before,
      'found after': after,
      'points, attacks': points.toFixed(1),
      vectors,
      'alarms before': alarmsBefore,
      'alarms after': alarmsAfter,
      'points, vectors': vectorPoints.toFixed(1),
    });
    if (Math.min(points, vectorPoints) < -ALLOWED_POINTS) problems.push(`${scenario} loses ${points} points`);
  }
  return { rows, problems };
}

const found = (alarms: readonly SimulatedAlarm[]): number => new Set(alarms.map(({ attack }) => attack)).size;

/** Alarms that are no attack and no export: of users who have one, and of all others. */
function othersTable(runs: readonly Run[]): MeasuredTable {
  const rows = [true, false].map((isExporting) => {
    const counts = { before: 0, after: 0 };
    for (const { days, decided } of runs) {
      const exporting = new Set(days.jobs.map(({ user }) => user));
      const alarms = days.alarms.filter(
        ({ attack, night, record }) =>
          attack === undefined && night === undefined && exporting.has(record.user) === isExporting,
      );
      counts.before += alarms.length;
      counts.after += alarms.filter((alarm) => isAlarm(decided, alarm, ALERT_RATE)).length;
    }
    const whose = isExporting ? 'of users with an export, by day' : 'of everybody else';
    return { 'other alarms': whose, before: counts.before, after: counts.after };
  });
  return { rows, problems: [] };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
