import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ReportedEvent } from './reporter.ts';

/** nginx's code for a client that went away before the answer was out. */
const CLIENT_CLOSED_REQUEST = 499;

/** What only the application knows about a request. */
export interface RequestIdentity {
  user: string | undefined;
  tokenId: string | undefined;
  /** Taken when the request came in: a closed socket has no address any more. */
  ip: string;
}

/**
 * A request of the host application as an event. Texts are cut to the lengths of the event contract: an event that
 * is refused for an overlong header would be a way to stay unseen.
 */
export function toRequestEvent(request: FastifyRequest, reply: FastifyReply, identity: RequestIdentity): ReportedEvent {
  const { ip } = identity;
  const userAgent = request.headers['user-agent'];
  const bytes = Number(reply.getHeader('content-length') ?? Number.NaN);
  return {
    kind: 'request',
    user: fit(identity.user || `ip:${ip}`, 256),
    ip: fit(ip, 64),
    method: fit(request.method, 32),
    route: fit(request.routeOptions.url ?? 'unmatched', 1024),
    status: reply.raw.writableFinished ? reply.statusCode : CLIENT_CLOSED_REQUEST,
    durationMs: reply.elapsedTime,
    ...(Number.isSafeInteger(bytes) && bytes >= 0 && { bytes }),
    ...(userAgent && { userAgent: fit(userAgent, 1024) }),
    ...(identity.tokenId && { tokenId: fit(identity.tokenId, 256) }),
  };
}

const fit = (text: string, length: number): string => text.slice(0, length).toWellFormed();
