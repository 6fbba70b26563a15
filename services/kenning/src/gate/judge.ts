import type { GateCheck } from '@liminal/shared/contracts/gate';
import { betaBinomialCumulative } from '../calibration/beta-binomial.ts';
import { SCORE_TOLERANCE } from '../pipelines/onnx-parity.ts';
import type { ExplanationGaps } from './explanation-gaps.ts';
import type { LabelledSeparation } from './labelled-separation.ts';
import type { Measurement } from './measure-release.ts';

export interface JudgedRelease extends Measurement {
  /** How many independent rows its calibration is worth. */
  calibrationRows: number;
  /** On alarms that analysts have judged. */
  labelled: LabelledSeparation;
}

export interface JudgedChallenger extends JudgedRelease {
  /**
   * Largest difference between scores of its files and of the fitted models, as the training found it (see
   * `assertParity`); NaN where it kept none.
   */
  onnxDifference: number;
  explanationGaps: ExplanationGaps;
}

/** Fewest different users to judge by. */
const FEWEST_USERS = 20;
/** Alarms that a well calibrated release has with less than this probability are too many. */
const UNLIKELY = 0.001;
/** A challenger with a small calibration may alarm so many times as often as was set. */
const RATE_FACTOR = 2;
/** With so many calibration rows their chance is none. */
const MANY_ROWS = 10_000;
/** Of the calibration error: a challenger beyond it has to be better than what serves. */
const LARGEST_CALIBRATION_ERROR = 0.2;
/** A challenger may separate so much worse than what serves, and has to separate so well at least. */
const SEPARATION_LOSS = 0.05;
const LEAST_SEPARATION = 0.7;
/**
 * The same with labels, from so many users with right alarms and as many with false ones on: two equally good releases whose
 * scores correlate by 0.8 then differ by so much in one case of twenty at most.
 */
const LABELLED_SEPARATION_LOSS = 0.1;
const FEWEST_LABELLED_USERS = 20;
/** A challenger may take so many times as long as what serves, and this time in any case. */
const TIME_FACTOR = 3;
const FREE_MICROSECONDS = 200;
/** Steps of the p-value that rounding may turn. */
const LARGEST_BATCH_DIFFERENCE = 1e-3;
/** Explanations have to add up to what is served, to the rounding of float32. */
const LARGEST_EXPLANATION_GAP = 1e-5;

/** What a challenger has to be good at. A pure function of what was measured on rows that it was not trained on. */
export function judge(challenger: JudgedChallenger, champion: JudgedRelease, alertRate: number): GateCheck[] {
  return [
    enoughRows(challenger),
    alarmRate(challenger, champion, alertRate),
    calibration(challenger, champion),
    separation(challenger, champion),
    labelledSeparation(challenger, champion),
    latency(challenger, champion),
    onnxParity(challenger),
    batchParity(challenger),
    ...additivity(challenger),
  ];
}

function enoughRows({ pValues }: JudgedRelease): GateCheck {
  return {
    check: 'enough-rows',
    passed: pValues.length >= FEWEST_USERS,
    challenger: pValues.length,
    champion: null,
    limit: FEWEST_USERS,
    because: `rows of ${pValues.length} users to judge by, ${FEWEST_USERS} are needed`,
  };
}

/**
 * Alarms on rows of different users: their number is Beta-Binomial when the release keeps its promise (see
 * `calibration/beta-binomial.ts`), its calibration counting as many independent rows as it is worth. A small
 * calibration allows nearly any number: then no more than twice the rate, or what the release that serves alarms.
 */
function alarmRate(challenger: JudgedRelease, champion: JudgedRelease, alertRate: number): GateCheck {
  const users = challenger.pValues.length;
  const [alarms, serving] = [countAlarms(challenger, alertRate), countAlarms(champion, alertRate)];
  const allowed = Math.max(mostAlarms(users, MANY_ROWS, RATE_FACTOR * alertRate), serving);
  const limit = Math.min(mostAlarms(users, Math.floor(challenger.calibrationRows), alertRate), allowed);
  return {
    check: 'alarm-rate',
    passed: alarms <= limit,
    challenger: alarms,
    champion: serving,
    limit,
    because: `alarms on ${alarms} of ${users} users where at most ${limit} fit a rate of ${alertRate}`,
  };
}

const countAlarms = ({ pValues }: JudgedRelease, alertRate: number): number =>
  pValues.filter((pValue) => pValue <= alertRate).length;

function mostAlarms(users: number, calibrationRows: number, alertRate: number): number {
  // With few users in the calibration the rate is that of the next multiple of 1/(n + 1).
  const alarming = Math.min(Math.max(1, Math.floor(alertRate * (calibrationRows + 1))), calibrationRows);
  const cumulative = betaBinomialCumulative(users, alarming, calibrationRows + 1 - alarming);
  const most = cumulative.findIndex((probability) => probability >= 1 - UNLIKELY);
  return most === -1 ? users : most;
}

/** Largest distance of the p-values from the uniform distribution. */
export function calibrationError({ pValues }: Pick<Measurement, 'pValues'>): number {
  const sorted = pValues.toSorted((left, right) => left - right);
  return sorted.reduce(
    (largest, pValue, index) => Math.max(largest, (index + 1) / sorted.length - pValue, pValue - index / sorted.length),
    0,
  );
}

function calibration(challenger: JudgedRelease, champion: JudgedRelease): GateCheck {
  const [own, other] = [calibrationError(challenger), calibrationError(champion)];
  // Chance alone brings this much (Smirnov's two-sample bound at `UNLIKELY`).
  const users = challenger.pValues.length;
  const chance = Math.sqrt((-Math.log(UNLIKELY / 2) / 2) * (1 / users + 1 / Math.max(challenger.calibrationRows, 1)));
  const limit = Math.max(other, LARGEST_CALIBRATION_ERROR, chance);
  return {
    check: 'calibration',
    passed: own <= limit,
    challenger: own,
    champion: other,
    limit,
    because: `p-values lie up to ${own.toFixed(3)} from uniform, ${limit.toFixed(3)} is allowed`,
  };
}

function separation(challenger: JudgedRelease, champion: JudgedRelease): GateCheck {
  const limit = Math.max(LEAST_SEPARATION, champion.separation - SEPARATION_LOSS);
  return {
    check: 'separation',
    passed: challenger.separation >= limit,
    challenger: challenger.separation,
    champion: champion.separation,
    limit,
    because: `injected anomalies are told apart with an AUROC of ${challenger.separation.toFixed(3)}, ${limit.toFixed(3)} is needed`,
  };
}

/** Nobody has to judge alarms: where few have, releases are not compared by it. */
function labelledSeparation({ labelled }: JudgedRelease, { labelled: serving }: JudgedRelease): GateCheck {
  const { right, wrong } = labelled;
  const check = 'labelled-separation';
  if (Math.min(right, wrong) < FEWEST_LABELLED_USERS) {
    const because = `not judged: right alarms of ${right} users and false ones of ${wrong}, ${FEWEST_LABELLED_USERS} of each are needed`;
    return { check, passed: true, challenger: null, champion: null, limit: null, because };
  }
  const limit = serving.auroc - LABELLED_SEPARATION_LOSS;
  return {
    check,
    passed: labelled.auroc >= limit,
    challenger: labelled.auroc,
    champion: serving.auroc,
    limit,
    because: `right alarms are told from false ones with an AUROC of ${labelled.auroc.toFixed(3)}, ${limit.toFixed(3)} is needed`,
  };
}

function latency(challenger: JudgedRelease, champion: JudgedRelease): GateCheck {
  const limit = Math.max(TIME_FACTOR * champion.microsecondsPerRow, FREE_MICROSECONDS);
  return {
    check: 'latency',
    passed: challenger.microsecondsPerRow <= limit,
    challenger: challenger.microsecondsPerRow,
    champion: champion.microsecondsPerRow,
    limit,
    because: `a row takes ${challenger.microsecondsPerRow.toFixed(0)} µs, ${limit.toFixed(0)} µs are allowed`,
  };
}

/** The fitted models are gone by now: the training compares, publishes nothing that differs, and keeps what it found. */
function onnxParity({ onnxDifference }: JudgedChallenger): GateCheck {
  const isKept = !Number.isNaN(onnxDifference);
  return {
    check: 'onnx-parity',
    passed: onnxDifference <= SCORE_TOLERANCE,
    challenger: isKept ? onnxDifference : null,
    champion: null,
    limit: SCORE_TOLERANCE,
    because: isKept
      ? `scores of the files differ by up to ${onnxDifference.toExponential(1)} from those of the fitted models`
      : 'nothing tells whether the files score as the fitted models do: train the release again',
  };
}

function batchParity({ batchDifference }: JudgedRelease): GateCheck {
  return {
    check: 'batch-parity',
    passed: batchDifference <= LARGEST_BATCH_DIFFERENCE,
    challenger: batchDifference,
    champion: null,
    limit: LARGEST_BATCH_DIFFERENCE,
    because: `p-values of the published files differ by up to ${batchDifference.toExponential(1)} with the size of the batch`,
  };
}

function additivity({ explanationGaps: { forest, combined } }: JudgedChallenger): GateCheck[] {
  const check = (name: 'additivity-forest' | 'additivity-combined', what: string, gap: number): GateCheck => ({
    check: name,
    passed: gap <= LARGEST_EXPLANATION_GAP,
    challenger: Number.isNaN(gap) ? null : gap,
    champion: null,
    limit: LARGEST_EXPLANATION_GAP,
    because: `explanations of ${what} miss up to ${gap.toExponential(1)} of it`,
  });
  const checks = [check('additivity-combined', 'the combined p-value', combined)];
  return forest === null ? checks : [check('additivity-forest', 'the score of the forest', forest), ...checks];
}
