/** Gives each request the session of its client: what that has written and seen decides which nodes may answer it. */
import { randomUUID } from 'node:crypto';
import type { RequestHandler, Response } from 'express';
import type { Database } from '../db/connection.ts';
import {
  type Carrier,
  cookieOf,
  createHttpSessions,
  createTokenCodec,
  inSession,
  newSession,
  type SessionStore,
} from '../db/routing/index.ts';

/** Name of the token's cookie, and of its header in both directions. */
export const tokenName = 'x-freshness';
/** Name of the cookie that tells clients apart where Redis remembers what they did. */
const clientName = 'x-client';

export interface SharedSessions {
  readonly store: SessionStore;
  readonly onError: (error: unknown) => void;
}

/** Null when the configuration has no sessions. `shared`: where they are kept, if that is not a token. */
export function followSessions(
  { configuration, router }: Database,
  shared: SharedSessions | null,
): RequestHandler | null {
  if (configuration.sessions === null || router === null) return null;
  const carrier = carrierOf(configuration.sessions, shared);
  const sessions = createHttpSessions(carrier, router.cluster.track);
  return async (request, response, next) => {
    const isNew = carrier.kind === 'store' && carrier.idOf(request) === null;
    if (isNew) {
      const id = randomUUID();
      response.appendHeader('set-cookie', `${clientName}=${id}; Path=/; HttpOnly; SameSite=Lax`);
      // From its first request on: that may be a write. The first of two cookies counts.
      request.headers.cookie = [`${clientName}=${id}`, request.headers.cookie].filter(Boolean).join('; ');
    }
    // Of a new client Redis knows nothing, nor does it matter whether it answers.
    const session = isNew ? newSession() : await sessions.begin(request);
    closers.set(response, () => sessions.finish(session, request, response));
    inSession(session, next);
  };
}

function carrierOf(
  sessions: NonNullable<Database['configuration']['sessions']>,
  shared: SharedSessions | null,
): Carrier {
  if (sessions.carrier !== 'redis') {
    return { kind: sessions.carrier, name: tokenName, codec: createTokenCodec(sessions.secret) };
  }
  if (shared === null) throw new Error('sessions are to be kept in Redis, and there is no store');
  return {
    kind: 'store',
    ...shared,
    idOf: ({ headers }) => {
      const id = cookieOf(headers.cookie, clientName);
      // It becomes part of a key: nobody else's may be made up of it.
      return id !== undefined && /^[0-9a-f-]{36}$/.test(id) ? id : null;
    },
  };
}

const closers = new WeakMap<Response, () => Promise<void>>();

/** To be awaited before an answer's headers are sent, of a failure as well: it may have written before it failed. */
export async function closeSession(response: Response): Promise<void> {
  await closers.get(response)?.();
}
