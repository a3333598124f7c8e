/** Sessions in Redis, for instances of an application that serve the same clients. */
import { randomUUID } from 'node:crypto';
import type { Position } from './position.ts';
import type { PrimaryTrack } from './primary-track.ts';
import { newSession, type Session } from './session.ts';
import { decodePosition, decodeSeen, encodePosition, encodeSeen } from './token.ts';

export interface SessionStore {
  load(id: string): Promise<Session>;
  save(id: string, session: Session, track: PrimaryTrack): Promise<void>;
}

/** What is needed of a Redis client; that of @redis/client fits. */
export interface RedisCommands {
  hmGet(key: string, fields: string[]): Promise<(string | null)[]>;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

interface Loaded {
  readonly position: Position | null;
  readonly written: string;
  readonly seen: string;
}

/**
 * Two instances may serve one client at once, so a save never takes anything back: of two written positions the later
 * stays, and of two reads that did not know of each other the later time without a node, which every node then has to
 * be compared with. A hash that holds anything else is a session of which nothing is known, until somebody who loaded
 * it has saved what he knows. `ttlMs`: how long a session is remembered after its last request.
 */
export function createRedisSessionStore(
  redis: RedisCommands,
  { prefix = 'freshness:', ttlMs = 120_000 }: { readonly prefix?: string; readonly ttlMs?: number } = {},
): SessionStore {
  /** What was loaded, to tell whether anybody has written in between. */
  const loaded = new WeakMap<Session, Loaded>();
  return {
    async load(id) {
      const [written, seen] = await redis.hmGet(prefix + id, ['written', 'seen']);
      const session = sessionOf(written ?? '', seen ?? '');
      loaded.set(session, { position: session.written, written: written ?? '', seen: seen ?? '' });
      return session;
    },
    async save(id, session, track) {
      const before = loaded.get(session);
      const written = session.written === before?.position ? before.written : textOf(session.written);
      const seen = session.seen === null ? '' : encodeSeen(session.seen, track);
      if (written === '' && seen === '') return;
      await redis.eval(merge, {
        keys: [prefix + id],
        arguments: [
          ...[written, before?.written ?? ''],
          ...[seen === '-' ? '' : seen, before?.seen ?? '', String(ttlMs)],
        ],
      });
    },
  };
}

function sessionOf(written: string, seen: string): Session {
  const session = newSession();
  try {
    if (seen !== '') session.seen = decodeSeen(matching(seen, /^[^~]*~\d+~\d+$/));
    if (written !== '') session.written = decodePosition(unsorted(written));
  } catch {
    // A position of which the router knows that it has to ask for a later one.
    session.written = { timeline: 0, lsn: Number.POSITIVE_INFINITY };
    session.unknown = true;
  }
  return session;
}

function matching(text: string, form: RegExp): string {
  if (!form.test(text)) throw new Error(`not of a session: ${text}`);
  return text;
}

/**
 * `1:0/1A2B` -> `0000000001:00000000/00001A2B`, so that text order is the order of positions; `*` sorts last as `Z`
 * and a text of its own: two of them are two writes.
 */
function textOf(position: Position | null): string {
  if (position === null) return '';
  const [timeline = '', lsn = ''] = encodePosition(position).split(':');
  const [high = '', low = ''] = lsn.split('/');
  const padded = lsn === '*' ? `Z${randomUUID()}` : `${high.padStart(8, '0')}/${low.padStart(8, '0')}`;
  return `${timeline.padStart(10, '0')}:${padded}`;
}

function unsorted(text: string): string {
  const [timeline = '', lsn = ''] = matching(text, /^\d{10}:([\dA-F]{8}\/[\dA-F]{8}|Z.*)$/).split(':');
  return `${Number(timeline)}:${lsn.startsWith('Z') ? '*' : lsn}`;
}

/**
 * Seen is `node~ms~timeline`. An unknown position gives way to a known one only if that was asked for in its knowledge:
 * then it covers the write whose position was unknown. What was only carried along is there, or has been covered.
 */
const merge = `
  local written, writtenBasis, seen, basis, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
  local old = redis.call('HMGET', KEYS[1], 'written', 'seen')
  if written ~= '' and (not old[1] or (written ~= writtenBasis and (old[1] == writtenBasis or written > old[1]))) then
    redis.call('HSET', KEYS[1], 'written', written)
  end
  local known = old[2] or ''
  if seen ~= '' and (known == '' or seen ~= basis) then
    if known ~= '' and known ~= basis and known ~= seen then
      local _, at, tli = string.match(seen, '^(.-)~(%d+)~(%d+)$')
      local _, oldAt, oldTli = string.match(known, '^(.-)~(%d+)~(%d+)$')
      if oldAt and (tonumber(oldTli) > tonumber(tli) or (oldTli == tli and tonumber(oldAt) > tonumber(at))) then
        at, tli = oldAt, oldTli
      end
      seen = '~' .. at .. '~' .. tli
    end
    redis.call('HSET', KEYS[1], 'seen', seen)
  end
  redis.call('PEXPIRE', KEYS[1], ttl)
  return 1`;
