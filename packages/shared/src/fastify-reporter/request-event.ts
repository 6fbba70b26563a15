import type { FastifyRequest } from 'fastify';
import type { ReportedEvent } from './reporter.ts';

/** nginx's code for a client that went away before the answer was out. */
export const CLIENT_CLOSED_REQUEST = 499;

/** Who made a request, as far as the application can tell. */
export interface RequestIdentity {
  user: string | undefined;
  tokenId: string | undefined;
  ip: string;
}

export interface RequestOutcome {
  status: number;
  durationMs: number;
  /** `content-length` of the answer, where it has one. */
  contentLength?: number | string | string[] | undefined;
}

/**
 * A request of the host application as an event. Texts are cut to the lengths of the event contract: an event that
 * is refused for an overlong header would be a way to stay unseen.
 */
export function toRequestEvent(
  request: FastifyRequest,
  { user, tokenId, ip }: RequestIdentity,
  { status, durationMs, contentLength }: RequestOutcome,
): ReportedEvent {
  const userAgent = request.headers['user-agent'];
  const bytes = Number(contentLength ?? Number.NaN);
  return {
    kind: 'request',
    user: fit(user || `ip:${ip}`, 256),
    ip: fit(ip, 64),
    method: fit(request.method, 32),
    route: fit(request.routeOptions.url ?? 'unmatched', 1024),
    status,
    durationMs,
    ...(Number.isSafeInteger(bytes) && bytes >= 0 && { bytes }),
    ...(userAgent && { userAgent: fit(userAgent, 1024) }),
    ...(tokenId && { tokenId: fit(tokenId, 256) }),
  };
}

const fit = (text: string, length: number): string => text.slice(0, length).toWellFormed();
