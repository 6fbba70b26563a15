import { expect, it } from 'vitest';
import { seriesAlarms } from './series-alarms.ts';

const bits = (text: string): Uint8Array => Uint8Array.from(text, Number);

it('counts alarms within and without anomalies, and how late each is found', () => {
  const counts = seriesAlarms({
    labels: bits('000111100110001110'),
    alarms: bits('010001010010000000'),
    isJudged: bits('111111111111111111'),
  });
  expect(counts).toEqual({ alarms: 4, trueAlarms: 2, anomalies: 3, found: 2, medianDelayRows: 1 });
});

it('takes the middle delay, the lower one of two', () => {
  const labels = bits('111101111011110');
  const alarms = bits('000101000001000');
  const isJudged = new Uint8Array(labels.length).fill(1);
  expect(seriesAlarms({ labels, alarms, isJudged }).medianDelayRows).toBe(1);
});

it('leaves anomalies out that nothing could have found, and knows no delay where none was', () => {
  const counts = seriesAlarms({ labels: bits('11001100'), alarms: bits('00000010'), isJudged: bits('00011111') });
  expect(counts).toEqual({ alarms: 1, trueAlarms: 0, anomalies: 1, found: 0, medianDelayRows: Number.NaN });
});
