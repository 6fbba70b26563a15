import { describe, expect, it } from 'vitest';
import { EventLoopShare } from './event-loop-share.ts';

describe('a share of the event loop', () => {
  it('lets other work have its turns while several pieces of long work run side by side', async () => {
    let nowMs = 0;
    const share = new EventLoopShare(() => nowMs);
    let turns = 0;
    let isWorking = true;
    const count = (): void => {
      turns++;
      if (isWorking) setImmediate(count);
    };
    setImmediate(count);
    const piece = async (): Promise<void> => {
      for (let step = 0; step < 20; step++) {
        nowMs += 1;
        while (share.isUsedUp) await share.nextTurn();
      }
    };
    await Promise.all(Array.from({ length: 8 }, piece));
    isWorking = false;
    // 160 ms of work, 5 ms a turn: were the shares not one, there would be 20 / 5 = 4 turns.
    expect(turns).toBeGreaterThan(30);
  });

  it('is used up after a while, and new after the turn', async () => {
    let nowMs = 0;
    const share = new EventLoopShare(() => nowMs);
    expect(share.isUsedUp).toBe(true);
    await share.nextTurn();
    expect(share.isUsedUp).toBe(false);
    nowMs += 6;
    expect(share.isUsedUp).toBe(true);
    await share.nextTurn();
    expect(share.isUsedUp).toBe(false);
  });
});
