import type { Random } from '@liminal/shared/runtime/random';
import { lognormal } from '../people/lognormal.ts';
import { apiCall, pageRequest } from '../people/requests.ts';
import type { Client, TimedEvent } from '../timed-event.ts';
import type { Span } from './attack.ts';

export interface Browsing extends Span {
  readonly random: Random;
  readonly user: string;
  readonly client: Client;
  /** The token to show at the moment of the request. */
  readonly token: () => string;
  /** Median pause between two page loads. */
  readonly thinkTimeMs: number;
}

/** Page loads with their calls and pauses to read, as any person makes them. */
export function* browse(browsing: Browsing): Generator<TimedEvent> {
  const { random, user, client, token, toMs, thinkTimeMs } = browsing;
  let ts = browsing.fromMs;
  while (ts < toMs) {
    yield pageRequest(random, ts, user, client, token());
    for (let call = random.int(5); call >= 0; call--) {
      ts += lognormal(random, 60, 0.7);
      if (ts >= toMs) return;
      yield apiCall(random, ts, user, client, token());
    }
    ts += lognormal(random, thinkTimeMs, 0.8);
  }
}
