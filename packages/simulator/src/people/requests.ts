import type { RequestEvent } from '@liminal/shared/contracts/event';
import type { Random } from '@liminal/shared/runtime/random';
import type { Client } from '../timed-event.ts';
import { lognormal } from './lognormal.ts';

interface Endpoint {
  readonly method: string;
  readonly route: string;
  readonly medianMs: number;
  readonly medianBytes: number;
}

const PAGES: readonly Endpoint[] = [
  { method: 'GET', route: '/', medianMs: 35, medianBytes: 14_000 },
  { method: 'GET', route: '/projects', medianMs: 60, medianBytes: 22_000 },
  { method: 'GET', route: '/projects/:id', medianMs: 70, medianBytes: 18_000 },
  { method: 'GET', route: '/inbox', medianMs: 45, medianBytes: 9_000 },
  { method: 'GET', route: '/search', medianMs: 140, medianBytes: 12_000 },
  { method: 'GET', route: '/settings', medianMs: 30, medianBytes: 6_000 },
];

const CALLS: readonly Endpoint[] = [
  { method: 'GET', route: '/api/me', medianMs: 12, medianBytes: 700 },
  { method: 'GET', route: '/api/projects/:id/items', medianMs: 55, medianBytes: 8_000 },
  { method: 'GET', route: '/api/items/:id', medianMs: 28, medianBytes: 2_400 },
  { method: 'GET', route: '/api/notifications', medianMs: 18, medianBytes: 900 },
  { method: 'GET', route: '/api/channels/:id/messages', medianMs: 40, medianBytes: 5_000 },
  { method: 'POST', route: '/api/items/:id/comments', medianMs: 65, medianBytes: 500 },
  { method: 'PATCH', route: '/api/items/:id', medianMs: 60, medianBytes: 600 },
  { method: 'GET', route: '/api/files/:id', medianMs: 90, medianBytes: 85_000 },
];

export type Request = RequestEvent & { ts: number };

export const pageRequest = (random: Random, ts: number, user: string, client: Client, tokenId: string): Request =>
  request(random, random.pick(PAGES), ts, user, client, tokenId);

export const apiCall = (random: Random, ts: number, user: string, client: Client, tokenId: string): Request =>
  request(random, random.pick(CALLS), ts, user, client, tokenId);

function request(
  random: Random,
  endpoint: Endpoint,
  ts: number,
  user: string,
  client: Client,
  tokenId: string,
): Request {
  const status = drawStatus(random.next());
  return {
    kind: 'request',
    ts: Math.floor(ts),
    user,
    ip: client.ip,
    method: endpoint.method,
    route: endpoint.route,
    status,
    // Tenths of a millisecond, as servers log it.
    durationMs: Math.round(lognormal(random, endpoint.medianMs, 0.5) * 10) / 10,
    bytes: status === 200 ? Math.round(lognormal(random, endpoint.medianBytes, 0.4)) : status === 304 ? 0 : 180,
    userAgent: client.userAgent,
    tokenId,
  };
}

function drawStatus(chance: number): number {
  if (chance < 0.9) return 200;
  if (chance < 0.975) return 304;
  if (chance < 0.99) return 404;
  if (chance < 0.997) return 403;
  return 500;
}
