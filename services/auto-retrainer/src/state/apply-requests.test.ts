import type { ReleasePointer } from '@liminal/shared/contracts/release';
import { describe, expect, it } from 'vitest';
import { newRollout, type Rollout } from '../rollout/rollout.ts';
import { applyRequests } from './apply-requests.ts';
import { emptyState, type RetrainerState } from './retrainer-state.ts';

const [OLD, SERVING, NEXT] = ['r-20260101T000000-00000000', 'r-20260102T000000-11111111', 'r-20260103T000000-22222222'];
const pointer = { release: SERVING, previous: OLD } as ReleasePointer;
const person = { by: 'ada', because: 'no' };

const rollout = (change: Partial<Rollout>): Rollout => ({
  ...newRollout(
    {
      id: 'drift-1',
      reason: 'drift',
      because: '',
      requestedBy: 'test',
      rows: {},
      skips: 'nothing',
      champion: SERVING!,
    },
    0,
  ),
  challenger: NEXT!,
  ...change,
});
const stateWith = (running: Rollout | null): RetrainerState => ({ ...emptyState(), rollout: running });

describe('requests', () => {
  it('pause, and go on', () => {
    const state = emptyState();
    applyRequests(state, [{ kind: 'pause', ...person, paused: true }], null, 7);
    expect(state.paused).toEqual({ ...person, at: 7 });
    applyRequests(state, [{ kind: 'pause', ...person, paused: false }], null, 8);
    expect(state.paused).toBeNull();
  });

  it('for a training wait for the rules', () => {
    const state = emptyState();
    applyRequests(state, [{ kind: 'retrain', ...person, sinceTs: 3, skipsGate: true }], pointer, 0);
    expect(state.request).toEqual({ ...person, rows: { sinceTs: 3 }, skipsGate: true });
  });

  it('for the way back go to what served before', () => {
    const state = emptyState();
    applyRequests(state, [{ kind: 'rollback', ...person }], pointer, 0);
    expect(state.rollout).toMatchObject({ phase: 'rolling-back', challenger: SERVING, champion: OLD });
  });

  it('for the way back turn a watched release back', () => {
    const state = stateWith(rollout({ phase: 'watching' }));
    applyRequests(state, [{ kind: 'rollback', ...person }], { ...pointer, release: NEXT!, previous: SERVING! }, 5);
    expect(state.rollout).toMatchObject({ id: 'drift-1', phase: 'rolling-back' });
  });

  it('for the way back end what is under way', () => {
    const state = stateWith(rollout({ phase: 'shadowing' }));
    applyRequests(state, [{ kind: 'rollback', ...person }], pointer, 5);
    expect(state.ended).toMatchObject([{ id: 'drift-1', outcome: 'dropped', endedAt: 5 }]);
    expect(state.rollout).toMatchObject({ phase: 'rolling-back', champion: OLD });
  });

  it('for the way back change nothing while what serves is on its way back', () => {
    const back = rollout({ phase: 'rolling-back' });
    const state = stateWith(back);
    applyRequests(state, [{ kind: 'rollback', ...person }], { ...pointer, release: NEXT!, previous: SERVING! }, 5);
    expect(state).toEqual(stateWith(back));
  });

  it.each([
    ['it was gone back to just before', { ...pointer, action: 'rollback' } as ReleasePointer, undefined],
    ['nothing serves', null, undefined],
    ['nothing served before', { ...pointer, previous: null }, undefined],
    ['it serves already', pointer, SERVING],
  ])('for the way back change nothing when %s', (_, production, to) => {
    const state = stateWith(null);
    applyRequests(state, [{ kind: 'rollback', ...person, ...(to !== undefined && { to }) }], production, 5);
    expect(state).toEqual(emptyState());
  });
});
