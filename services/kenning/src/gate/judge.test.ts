import { FEATURE_COUNT, FEATURE_NAMES } from '@liminal/shared/contracts/feature-vector';
import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { injectAnomalies } from './injected-anomalies.ts';
import { calibrationError, type JudgedChallenger, type JudgedRelease, judge } from './judge.ts';

const evenly = (count: number): number[] => Array.from({ length: count }, (_, index) => (index + 0.5) / count);

const good: JudgedChallenger = {
  pValues: evenly(200),
  alarmShare: 0.01,
  separation: 0.95,
  microsecondsPerRow: 50,
  batchDifference: 0,
  calibrationRows: 100,
  labelled: { right: 20, wrong: 20, auroc: 0.8 },
  onnxDifference: 1e-7,
  explanationGaps: { forest: 1e-7, combined: 0 },
};
const failed = (challenger: Partial<JudgedChallenger>, champion: Partial<JudgedRelease> = {}): string[] =>
  judge({ ...good, ...challenger }, { ...good, ...champion }, 0.01).flatMap(({ check, passed }) =>
    passed ? [] : [check],
  );
/** So many of 200 users alarm. */
const alarming = (count: number): number[] =>
  evenly(200).map((pValue, index) => (index < count ? 0.005 : 0.01 + pValue));

describe('judge', () => {
  it.each<[string, Partial<JudgedChallenger>, Partial<JudgedRelease>, string[]]>([
    ['a good one', {}, {}, []],
    ['19 users to judge by', { pValues: evenly(19) }, {}, ['enough-rows']],
    ['20 users to judge by', { pValues: evenly(20) }, {}, []],
    ['alarms that the calibration allows', { pValues: alarming(9) }, {}, []],
    ['alarms on a fifth of the users', { pValues: alarming(40) }, {}, ['alarm-rate']],
    ['a small calibration, twice the rate', { pValues: alarming(8), calibrationRows: 10 }, {}, []],
    ['a small calibration, far more than that', { pValues: alarming(20), calibrationRows: 10 }, {}, ['alarm-rate']],
    [
      'a small calibration, many alarms, but not more than what serves',
      { pValues: alarming(20), calibrationRows: 10 },
      { pValues: alarming(20) },
      [],
    ],
    ['p-values that crowd together', { pValues: evenly(200).map((p) => 0.4 + p / 5) }, {}, ['calibration']],
    [
      'crowded p-values where those of what serves are worse',
      { pValues: evenly(200).map((p) => 0.4 + p / 5) },
      { pValues: evenly(200).map((p) => 0.6 + p / 5) },
      [],
    ],
    ['a little less separation', { separation: 0.91 }, {}, []],
    ['much less separation', { separation: 0.89 }, {}, ['separation']],
    ['no separation, as what serves', { separation: 0.6 }, { separation: 0.6 }, ['separation']],
    ['a little less labelled separation', { labelled: { right: 20, wrong: 20, auroc: 0.71 } }, {}, []],
    ['much less labelled separation', { labelled: { right: 20, wrong: 20, auroc: 0.69 } }, {}, ['labelled-separation']],
    ['few right alarms', { labelled: { right: 19, wrong: 30, auroc: 0.1 } }, {}, []],
    ['few false alarms', { labelled: { right: 30, wrong: 19, auroc: 0.1 } }, {}, []],
    ['no verdicts', { labelled: { right: 0, wrong: 0, auroc: Number.NaN } }, {}, []],
    ['three times the time', { microsecondsPerRow: 300 }, { microsecondsPerRow: 100 }, []],
    ['more than that', { microsecondsPerRow: 301 }, { microsecondsPerRow: 100 }, ['latency']],
    ['ten times a very short time', { microsecondsPerRow: 200 }, { microsecondsPerRow: 20 }, []],
    ['scores that hang on the batch', { batchDifference: 0.01 }, {}, ['batch-parity']],
    ['scores that are not those of what was fitted', { onnxDifference: 2e-5 }, {}, ['onnx-parity']],
    ['no word about that', { onnxDifference: Number.NaN }, {}, ['onnx-parity']],
    ['trees that do not add up', { explanationGaps: { forest: 2e-5, combined: 0 } }, {}, ['additivity-forest']],
    ['no trees', { explanationGaps: { forest: null, combined: 0 } }, {}, []],
    ['p-values that do not add up', { explanationGaps: { forest: 0, combined: 2e-5 } }, {}, ['additivity-combined']],
    [
      'p-values without a number',
      { explanationGaps: { forest: 0, combined: Number.NaN } },
      {},
      ['additivity-combined'],
    ],
    ['NaN for separation', { separation: Number.NaN }, {}, ['separation']],
  ])('%s', (_, challenger, champion, checks) => {
    expect(failed(challenger, champion)).toEqual(checks);
  });

  it('says where there are too few verdicts to judge by', () => {
    const labelled = { right: 3, wrong: 40, auroc: 0.1 };
    const because = 'not judged: right alarms of 3 users and false ones of 40, 20 of each are needed';
    const check = {
      check: 'labelled-separation',
      passed: true,
      challenger: null,
      champion: null,
      limit: null,
      because,
    };
    expect(judge({ ...good, labelled }, good, 0.01)).toContainEqual(check);
  });

  it('measures the distance from uniform', () => {
    expect(calibrationError({ pValues: evenly(10) })).toBeCloseTo(0.05, 12);
    expect(calibrationError({ pValues: Array(10).fill(0.01) })).toBeCloseTo(0.99, 12);
  });
});

describe('injectAnomalies', () => {
  it('changes every vector, makes up nothing that was not observed, and is seeded', () => {
    const rows = new Float32Array(100 * FEATURE_COUNT).fill(1);
    const changed = injectAnomalies(rows, FEATURE_COUNT, new Random(1));
    for (let row = 0; row < 100; row++) {
      const vector = changed.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT);
      expect(vector.some((value) => value !== 1)).toBe(true);
    }
    expect(injectAnomalies(rows, FEATURE_COUNT, new Random(1))).toEqual(changed);
    const unseen = new Float32Array(100 * FEATURE_COUNT).fill(Number.NaN);
    const kept = injectAnomalies(unseen, FEATURE_COUNT, new Random(1));
    const made = FEATURE_NAMES.filter((_, column) =>
      kept.some((value, index) => index % FEATURE_COUNT === column && !Number.isNaN(value)),
    );
    expect(made).toEqual([]);
  });
});
