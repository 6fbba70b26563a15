import { describe, expect, it } from 'vitest';
import { separateLabelled } from './labelled-rows.ts';

const archived = {
  rows: 4,
  users: ['ann', 'ann', 'bob', 'cid'],
  ts: Float64Array.of(1000, 2000, 2000, 3000),
  seqs: Int32Array.of(1, 2, 1, 1),
  features: Float32Array.from({ length: 28 }, (_, index) => Math.floor(index / 7)),
  loadHistory: null,
  sha256: '',
  partsRead: 1,
  partsSkipped: 0,
  duplicates: 0,
  holdOut: null,
};

describe('labelled rows', () => {
  it('are found by number or event time and leave the others to be fitted on', () => {
    const labels = [
      { user: 'ann', seq: 2, anomaly: true },
      { user: 'bob', ts: 2000, anomaly: false },
      { user: 'dan', seq: 1, anomaly: false },
    ];
    const labelledRows = [{ features: { requests_per_user: 9 }, anomaly: true }];
    const { labelled, unlabelled, labelsNotFound } = separateLabelled(archived, { labels, labelledRows });
    expect(Array.from(labelled!.labels)).toEqual([1, 0, 1]);
    const firsts = Array.from(labelled!.rows.values).filter((_, index) => index % 7 === 0);
    expect(firsts).toEqual([1, 2, 9]);
    expect(labelled!.rows.values.at(-1)).toBeNaN();
    expect(Array.from(unlabelled.values).filter((_, index) => index % 7 === 0)).toEqual([0, 3]);
    expect(labelsNotFound).toBe(1);
  });

  it('are none where nobody gave labels', () => {
    const { labelled, unlabelled } = separateLabelled(archived, { labels: [], labelledRows: [] });
    expect(labelled).toBeUndefined();
    expect(unlabelled.rows).toBe(4);
  });

  it('are refused where only one kind is archived', () => {
    const labels = [
      { user: 'ann', seq: 2, anomaly: true },
      { user: 'dan', seq: 1, anomaly: false },
    ];
    expect(() => separateLabelled(archived, { labels, labelledRows: [] })).toThrow('label archived rows of both kinds');
  });
});
