import { type JudgedAlarm, toJudgedAlarm } from '@liminal/backend/feedback/judged-alarms';
import { policyOf } from '@liminal/backend/feedback/policy';
import { NO_RESETS, thresholdsOf } from '@liminal/backend/feedback/thresholds';
import { effectOf } from '@liminal/backend/feedback/verdict-effect';
import { DecidedAlarms } from '@liminal/predictor/alarms/decided-alarms';
import { encodedExplanations } from '@liminal/predictor/explanations/encoded-explanations';
import { ReleaseExplainer } from '@liminal/predictor/explanations/release-explainer';
import { NO_POLICY } from '@liminal/shared/contracts/alarm-policy';
import { decodeExplanation } from '@liminal/shared/contracts/explanation-codec';
import { modelInputs } from '@liminal/shared/contracts/model-input';
import { anomalyId } from '@liminal/shared/contracts/prediction-batch';
import type { Suppression } from '@liminal/shared/contracts/suppression';
import type { LoadedRelease } from '@liminal/shared/release/load-release';
import { DAYS, type SimulatedAlarm, type SimulatedDays } from './simulated-alarms.ts';

const HOUR_MS = 3_600_000;

export interface JudgedNights {
  /** One a night: alarms of exports without and with feedback, users who alarmed, and verdicts given in the morning. */
  nights: { before: number; after: number; users: number; usersAfter: number; verdicts: number }[];
  /** What is in force after the last verdict. */
  decided: DecidedAlarms;
}

export interface JudgingOptions {
  alertRate: number;
  precisionFloor: number;
  minVerdicts: number;
  falsePositiveMs: number;
}

/**
 * Night after night the exports run. In the morning an analyst looks at the newest alarm of each user whose export has
 * alarmed, and says that it was false; what the backend makes of that holds from the next night on.
 */
export async function judgeNights(
  loaded: LoadedRelease,
  { alarms }: SimulatedDays,
  options: JudgingOptions,
): Promise<JudgedNights> {
  const explainer = await ReleaseExplainer.open(loaded);
  let decided = new DecidedAlarms(NO_POLICY);
  const rules = new Map<string, Suppression>();
  const judged = new Map<string, JudgedAlarm>();
  const nights: JudgedNights['nights'] = [];
  for (let night = 0; night < DAYS; night++) {
    const ofNight = alarms.filter((alarm) => alarm.night === night);
    const left = ofNight.filter((alarm) => isAlarm(decided, alarm, options.alertRate));
    const newest = new Map(left.map((alarm) => [alarm.record.user, alarm]));
    nights.push({
      before: ofNight.length,
      after: left.length,
      users: new Set(ofNight.map(({ record }) => record.user)).size,
      usersAfter: newest.size,
      verdicts: night === DAYS - 1 ? 0 : newest.size,
    });
    if (night === DAYS - 1) break;
    const morning = Math.max(...ofNight.map(({ record }) => record.ts)) + 4 * HOUR_MS;
    for (const alarm of newest.values()) {
      const { record } = alarm;
      const anomaly = { entity: 'user', record, explanation: await explanationOf(explainer, alarm) } as const;
      const id = anomalyId(record);
      const verdict = { anomaly: id, verdict: 'false_positive', author: 'analyst', note: '', at: morning } as const;
      const { added, ended } = effectOf(
        { verdict, anomaly },
        { rules: [...rules.values()], judged: [...judged.values()], suppress: true },
        {
          isAutomatic: true,
          falsePositiveMs: options.falsePositiveMs,
          newId: () => `rule-${rules.size}`.padEnd(12, '-'),
        },
      );
      for (const rule of [...ended, ...(added === null ? [] : [added])]) rules.set(rule.id, rule);
      judged.set(id, toJudgedAlarm({ verdict, anomaly }));
    }
    const thresholds = thresholdsOf([...judged.values()], NO_RESETS, morning, options);
    decided = new DecidedAlarms(policyOf({ rules: [...rules.values()], now: morning }, thresholds, night + 1));
  }
  await explainer.close();
  return { nights, decided };
}

export const isAlarm = (
  decided: DecidedAlarms,
  { record, smallestPValue }: SimulatedAlarm,
  alertRate: number,
): boolean => decided.decide({ ...record, smallestPValue }, alertRate, false).severity !== 'none';

async function explanationOf(explainer: ReleaseExplainer, { record, history }: SimulatedAlarm) {
  const { scores, pValue } = record;
  const [encoded] = await encodedExplanations(explainer, [{ inputs: modelInputs([record]), scores, pValue, history }]);
  return decodeExplanation(encoded!.bytes);
}
