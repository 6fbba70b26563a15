import type { ReleasePointer } from '@liminal/shared/contracts/release';
import { drop, newRollback, turnBack } from '../rollout/rollout.ts';
import { servedBefore } from '../rollout/served-before.ts';
import type { PersonRequest } from './person-request.ts';
import { closeRollout, type RetrainerState } from './retrainer-state.ts';

/** Takes up what people ask for, oldest first. `production`: what serves now. */
export function applyRequests(
  state: RetrainerState,
  requests: readonly PersonRequest[],
  production: ReleasePointer | null,
  now: number,
): void {
  for (const request of requests) {
    switch (request.kind) {
      case 'pause':
        state.paused = request.paused ? { by: request.by, because: request.because, at: now } : null;
        break;
      case 'retrain': {
        const { by, because, sinceTs, untilTs, skipsGate } = request;
        const rows = { ...(sinceTs !== undefined && { sinceTs }), ...(untilTs !== undefined && { untilTs }) };
        state.request = { by, because, rows, skipsGate };
        break;
      }
      case 'rollback':
        goBack(state, request, production, now);
        break;
    }
  }
}

function goBack(
  state: RetrainerState,
  { by, because, to }: Extract<PersonRequest, { kind: 'rollback' }>,
  production: ReleasePointer | null,
  now: number,
): void {
  const why = `${by}: ${because}`;
  const { rollout } = state;
  if (rollout?.phase === 'watching' && (to === undefined || to === rollout.champion)) {
    state.rollout = turnBack(rollout, now, why);
    return;
  }
  // Back already, or on the way: who asks twice does not want what was taken back.
  if (rollout?.phase === 'rolling-back' && (to === undefined || to === rollout.champion)) return;
  const target = to ?? (production === null ? null : servedBefore(production));
  if (production === null || target === null || target === production.release) return;
  if (rollout !== null) {
    state.rollout = drop(rollout, now, why);
    closeRollout(state);
  }
  const id = `rollback-${now}`;
  state.rollout = newRollback({ id, because: why, requestedBy: by, from: production.release, to: target }, now);
}
