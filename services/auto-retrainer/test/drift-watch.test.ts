import { openModelStore } from '@liminal/shared/adapters/model-store';
import type { ReleaseManifest } from '@liminal/shared/contracts/release';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { DriftWatch } from '../src/handlers/drift-watch.ts';
import { emptyState } from '../src/state/retrainer-state.ts';

const manifest = (id: string) =>
  ({ id, calibration: { rows: 300, independentRows: 300 } }) as unknown as ReleaseManifest;

describe('the drift of what serves', () => {
  it('goes on where it was when a release serves again, and begins anew with a new one', () => {
    const watch = new DriftWatch({
      store: openModelStore('file:/nowhere'),
      roundMs: 60_000,
      checkEveryMs: 60_000,
      falseAlarmRate: 0.01,
      anomalyAlertRate: 0.01,
      logger: pino({ level: 'silent' }),
      now: Date.now,
    });
    const state = emptyState();
    const highest = (): number => state.drift!.martingale.logHighest;
    watch.follow(manifest('r-old'), state);
    state.drift!.martingale.logHighest = 9;
    watch.follow(manifest('r-new'), state);
    expect(highest()).toBe(0);
    state.drift!.martingale.logHighest = 3;
    watch.follow(manifest('r-old'), state);
    expect(highest()).toBe(9);
    watch.follow(manifest('r-newer'), state);
    expect(highest()).toBe(0);
    expect(state.driftBefore?.release).toBe('r-old');
  });
});
