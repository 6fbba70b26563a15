import { describe, expect, it } from 'vitest';
import { UndecodableError } from '../contracts/undecodable-error.ts';
import { Random } from '../runtime/random.ts';
import { SeriesDetector, type SeriesVerdict } from './series-detector.ts';

const DAY = 1_440;
/** Minutes since the epoch: a Monday. */
const START = 29_540_160;

/** Requests a minute of a platform by day and night, minutes after the start. */
function requests(minute: number, random: Random): number {
  const level = 100 * (1.2 + Math.cos((2 * Math.PI * minute) / DAY));
  return Math.max(0, Math.round(level + Math.sqrt(level) * random.normal()));
}

function normalDays(days: number, seed = 1): number[] {
  const random = new Random(seed);
  return Array.from({ length: days * DAY }, (_, minute) => requests(minute, random));
}

function verdictsOf(values: readonly number[], detector = SeriesDetector.fresh(), from = START): SeriesVerdict[] {
  return values.map((value, index) => detector.update({ minute: from + index, value }));
}

const alarmsOf = (verdicts: readonly SeriesVerdict[]): number[] =>
  [...verdicts.keys()].filter((index) => verdicts[index]!.alarm);

describe('what a detector finds', () => {
  const normal = normalDays(4);

  it('is quiet while nothing happens', () => {
    expect(alarmsOf(verdictsOf(normal))).toEqual([]);
  });

  it('alarms once where a series falls silent', () => {
    const values = [...normal];
    const outage = 3 * DAY + 300;
    values.fill(0, outage, outage + 40);
    const verdicts = verdictsOf(values);
    const [alarm, ...others] = alarmsOf(verdicts);
    expect(alarm! - outage).toBeGreaterThanOrEqual(0);
    expect(alarm! - outage).toBeLessThan(5);
    expect(others).toEqual([]);
    const { expectedLow, severity, score, streams } = verdicts[alarm!]!;
    expect(expectedLow).toBeGreaterThan(50);
    expect(severity).not.toBe('none');
    expect(score).toBe((streams.value + streams.motion) / 2);
  });

  it('alarms where a counter is stuck, though its value is an ordinary one', () => {
    const values = [...normal];
    const stuck = 3 * DAY + 300;
    values.fill(values[stuck]!, stuck, stuck + 60);
    const alarms = alarmsOf(verdictsOf(values));
    expect(alarms).toHaveLength(1);
    expect(alarms[0]! - stuck).toBeLessThan(12);
  });

  it('reports a lasting standstill ever more rarely, and the next one at once', () => {
    const values = [...normal, ...normalDays(1, 2)];
    const stuck = 3 * DAY;
    // The value is the one that the series goes on with, so that its end is no news.
    values.fill(values[stuck + 800]!, stuck, stuck + 800);
    const again = 4 * DAY + 600;
    values.fill(values[again]!, again, again + 30);
    const lasting = alarmsOf(verdictsOf(values)).filter((alarm) => alarm >= stuck && alarm < stuck + 800);
    const lengths = lasting.map((alarm) => alarm - stuck + 1);
    expect(lengths[0]).toBeLessThan(12);
    expect(lengths[1]).toBeGreaterThan(60);
    expect(lengths.slice(2)).toEqual([2 * lengths[1]!, 4 * lengths[1]!, 8 * lengths[1]!]);
    // A lasting standstill makes the next one ordinary as long as it is remembered.
    const forgetful = SeriesDetector.fresh({ historyLength: 500 });
    const alarms = alarmsOf(verdictsOf(values, forgetful)).filter((alarm) => alarm >= again && alarm < again + 30);
    expect(alarms).toHaveLength(1);
  });

  it('is silent for a while after an alarm, and not for longer', () => {
    const bursts = [3 * DAY + 100, 3 * DAY + 130, 3 * DAY + 400];
    const values = [...normal];
    for (const [index, burst] of bursts.entries()) values.fill(2_000 * (index + 1), burst, burst + 3);
    const near = alarmsOf(verdictsOf(values)).map((alarm) => bursts.findLastIndex((burst) => burst <= alarm));
    expect(near).toEqual([0, 2]);
    const always = SeriesDetector.fresh({ silenceMinutes: 0 });
    const all = alarmsOf(verdictsOf(values, always)).map((alarm) => bursts.findLastIndex((burst) => burst <= alarm));
    expect(new Set(all)).toEqual(new Set([0, 1, 2]));
  });
});

describe('what is out of the ordinary for a detector itself', () => {
  it('judges nothing on a first day without history', () => {
    const verdicts = verdictsOf(normalDays(2));
    expect(
      verdicts
        .slice(0, DAY)
        .every(({ status, alarm, score }) => status === 'warming-up' && !alarm && Number.isNaN(score)),
    ).toBe(true);
    expect(verdicts.slice(DAY).every(({ status }) => status === 'judged')).toBe(true);
  });

  it('passes over missing values, whether they are told or left out', () => {
    const values = normalDays(3);
    for (const minute of [DAY + 50, DAY + 51, 2 * DAY]) values[minute] = Number.NaN;
    values.fill(Number.NaN, 2 * DAY + 200, 2 * DAY + 500);
    const told = SeriesDetector.fresh();
    const leftOut = SeriesDetector.fresh();
    for (const [index, value] of values.entries()) {
      const minute = START + index;
      const verdict = told.update({ minute, value });
      if (Number.isNaN(value)) expect(verdict.status).toBe('missing');
      else expect(leftOut.update({ minute, value })).toEqual(verdict);
      expect(verdict.alarm).toBe(false);
    }
    expect(leftOut.encode()).toEqual(told.encode());
  });

  it('ignores what comes late, and what comes twice', () => {
    const [detector, undisturbed] = [SeriesDetector.fresh(), SeriesDetector.fresh()];
    for (const [index, value] of normalDays(2).entries()) {
      const verdict = detector.update({ minute: START + index, value });
      expect(verdict).toEqual(undisturbed.update({ minute: START + index, value }));
      if (index % 100 !== 0) continue;
      for (const age of [0, 1, 50]) {
        const late = detector.update({ minute: START + index - age, value: 1e6 });
        expect(late).toMatchObject({ status: 'late', alarm: false, severity: 'none' });
      }
    }
    expect(detector.encode()).toEqual(undisturbed.encode());
  });

  it('finds a constant series ordinary, and its first change not', () => {
    const values = Array<number>(3 * DAY).fill(12);
    expect(alarmsOf(verdictsOf(values))).toEqual([]);
    values[2 * DAY] = 40;
    expect(alarmsOf(verdictsOf(values))).toEqual([2 * DAY]);
  });

  it('does not alarm on a change of the least size that matters, nor on one that is smaller', () => {
    for (const value of [0.001, 0.01]) {
      const values = Array<number>(3 * DAY).fill(0);
      values[2 * DAY] = value;
      expect(alarmsOf(verdictsOf(values))).toEqual([]);
    }
    const values = Array<number>(3 * DAY).fill(0);
    values.fill(0.2, 2 * DAY, 2 * DAY + 5);
    expect(alarmsOf(verdictsOf(values))).toHaveLength(1);
  });

  it('is not troubled by an hour that daylight saving moves: the day of the users comes earlier, its values are the same', () => {
    const random = new Random(8);
    const values = Array.from({ length: 6 * DAY }, (_, minute) =>
      requests(minute < 4 * DAY ? minute : minute + 60, random),
    );
    expect(alarmsOf(verdictsOf(values))).toEqual([]);
  });

  it('takes whole numbers of any size and negative values', () => {
    const random = new Random(9);
    const detector = SeriesDetector.fresh({ scale: 'linear' });
    for (let minute = 0; minute < 2 * DAY; minute++) {
      const { alarm } = detector.update({ minute, value: 1e12 * random.normal() });
      expect(alarm).toBe(false);
    }
    expect(detector.update({ minute: 2 * DAY, value: -1e15 }).alarm).toBe(true);
  });

  it.each([
    { historyLength: 99 },
    { historyLength: 1_000.5 },
    { warmUpLength: 0 },
    { likelihoodLength: Number.NaN },
    { alarmThreshold: 0 },
    { silenceMinutes: -1 },
    { leastChange: -1 },
  ])('refuses options that make no sense: %o', (options) => {
    expect(() => SeriesDetector.fresh(options)).toThrow(RangeError);
  });
});

describe('the state of a detector', () => {
  it('goes on bit for bit where it stood, whenever it is encoded', () => {
    const random = new Random(6);
    const values = normalDays(5, 6).map((value) => {
      const kind = random.next();
      if (kind < 0.02) return Number.NaN;
      return kind < 0.03 ? 3_000 * random.next() : value;
    });
    values.fill(Number.NaN, 2 * DAY, 2 * DAY + 90);
    values.fill(77, 3 * DAY, 3 * DAY + 100);
    values.fill(Number.NaN, 4 * DAY, 4 * DAY + 3);
    const whole = SeriesDetector.fresh();
    let resumed = SeriesDetector.fresh();
    for (const [index, value] of values.entries()) {
      const minute = START + index;
      expect(resumed.update({ minute, value })).toEqual(whole.update({ minute, value }));
      // Also within gaps and standstills.
      if (random.next() > 0.02) continue;
      const bytes = resumed.encode();
      expect(bytes.equals(whole.encode())).toBe(true);
      resumed = SeriesDetector.decode(bytes);
      expect(resumed.encode().equals(bytes)).toBe(true);
    }
  });

  it('stays within its bounds', () => {
    const detector = SeriesDetector.fresh();
    verdictsOf(normalDays(5), detector);
    expect(detector.encode().length).toBeLessThanOrEqual(16_200);
  });

  it('takes other options than it was encoded with', () => {
    const detector = SeriesDetector.fresh();
    const values = normalDays(3);
    verdictsOf(values, detector);
    const shorter = SeriesDetector.decode(detector.encode(), { historyLength: 500, alarmThreshold: 2 });
    expect(shorter.lastMinute).toBe(detector.lastMinute);
    expect(shorter.encode().length).toBeLessThan(2_400);
    const longer = SeriesDetector.decode(detector.encode(), { historyLength: 8_000 });
    expect(longer.encode().equals(detector.encode())).toBe(true);
  });

  it('is refused where it is broken', () => {
    const detector = SeriesDetector.fresh();
    verdictsOf(normalDays(1), detector);
    const bytes = detector.encode();
    for (const broken of [
      bytes.subarray(0, bytes.length - 1),
      Buffer.concat([bytes, Buffer.of(0)]),
      Buffer.of(),
      Buffer.of(9),
    ]) {
      expect(() => SeriesDetector.decode(broken)).toThrow(UndecodableError);
    }
  });

  it('is refused on another scale', () => {
    const bytes = SeriesDetector.fresh({ scale: 'linear' }).encode();
    expect(SeriesDetector.decode(bytes, { scale: 'linear' }).encode().equals(bytes)).toBe(true);
    expect(() => SeriesDetector.decode(bytes)).toThrow('not on the square-root scale');
  });

  it('of a detector that has seen nothing is a state too', () => {
    const resumed = SeriesDetector.decode(SeriesDetector.fresh().encode());
    expect(resumed.lastMinute).toBe(Number.NEGATIVE_INFINITY);
    expect(resumed.update({ minute: START, value: 3 }).status).toBe('warming-up');
  });
});
