/** Carries sessions from request to request: in a signed cookie, in a header, or in a store that instances share. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { PrimaryTrack } from './primary-track.ts';
import { newSession, type Session } from './session.ts';
import type { SessionStore } from './session-store.ts';
import type { TokenCodec } from './token.ts';

export type Carrier =
  /** For browsers. The client keeps the token. */
  | { readonly kind: 'cookie'; readonly name: string; readonly codec: TokenCodec }
  /** For programs, which have to send back what they got. */
  | { readonly kind: 'header'; readonly name: string; readonly codec: TokenCodec }
  /** Whatever tells clients apart already; null = a request of nobody. */
  | {
      readonly kind: 'store';
      readonly store: SessionStore;
      readonly idOf: (request: IncomingMessage) => string | null;
      /** Told when the store could not be asked, or told. Requests go on: see `begin`. */
      readonly onError: (error: unknown) => void;
    };

export interface HttpSessions {
  /**
   * What the client has written and seen so far; nothing, if it brings no token or one that is not ours. While a store
   * is away it may have written anything: only the primary will do for its reads then.
   */
  begin(request: IncomingMessage): Promise<Session>;
  /** To be awaited before the headers are sent: the positions of the request's writes are known then, and passed on. */
  finish(session: Session, request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** Longer than any replica may lag and still serve: what is older, every replica has. */
const maxAgeSeconds = 120;
/** A store that says nothing for so long is away. */
const storePatienceMs = 100;

export function createHttpSessions(carrier: Carrier, track: PrimaryTrack): HttpSessions {
  if (carrier.kind === 'store') {
    const { store, idOf, onError } = carrier;
    const soon = <Value>(work: Promise<Value>): Promise<Value> =>
      Promise.race([
        work,
        delay(storePatienceMs).then(() => {
          throw new Error(`no answer within ${storePatienceMs} ms`);
        }),
      ]);
    return {
      async begin(request) {
        const id = idOf(request);
        if (id === null) return newSession();
        try {
          return await soon(store.load(id));
        } catch (error) {
          onError(error);
          return { ...newSession(), unknown: true };
        }
      },
      async finish(session, request) {
        await session.writing;
        const id = idOf(request);
        if (id !== null) await soon(store.save(id, session, track)).catch(onError);
      },
    };
  }
  const { name, codec } = carrier;
  return {
    async begin({ headers }) {
      const given = carrier.kind === 'cookie' ? cookieOf(headers.cookie, name) : headers[name.toLowerCase()];
      return (typeof given === 'string' ? codec.decode(given) : null) ?? newSession();
    },
    async finish(session, _request, response) {
      await session.writing;
      const token = codec.encode(session, track);
      if (token === null || response.headersSent) return;
      if (carrier.kind === 'header') response.setHeader(name, token);
      else {
        const cookie = `${name}=${token}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax`;
        response.appendHeader('set-cookie', cookie);
      }
    },
  };
}

/** Tokens have none of the characters that a cookie would have to escape. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  const prefix = `${name}=`;
  return header
    ?.split(';')
    .map((part) => part.trim())
    .find((part) => part.startsWith(prefix))
    ?.slice(prefix.length);
}
