/** A session as a text that a client can carry from one instance of the application to the next. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { formatLsn, type Position, parseLsn } from './position.ts';
import type { PrimaryTrack } from './primary-track.ts';
import { newSession, type Seen, type Session } from './session.ts';

export interface TokenCodec {
  /** Null when there is nothing to remember. Await the session's writes before. */
  encode(session: Session, track: PrimaryTrack): string | null;
  /** Null for a text that nobody with the secret has written. */
  decode(text: string): Session | null;
}

/**
 * `1.<timeline>:<lsn of the writes>.<node>~<time of the primary's clock, ms>~<timeline>.<HMAC>`, each part `-` when
 * there is none. Signed, since a made-up position far in the future would send every read to the primary.
 */
export function createTokenCodec(secret: string): TokenCodec {
  if (secret.length < 16) throw new Error('the secret of freshness tokens needs at least 16 characters');
  const sign = (text: string): string =>
    // 128 bits are plenty for a hint that lives for seconds, and cookies travel with every request.
    createHmac('sha256', secret).update(text).digest('base64url').slice(0, 22);
  return {
    encode(session, track) {
      const written = session.written === null ? '-' : encodePosition(session.written);
      const seen = session.seen === null ? '-' : encodeSeen(session.seen, track);
      if (written === '-' && seen === '-') return null;
      const text = `1.${written}.${seen}`;
      return `${text}.${sign(text)}`;
    },
    decode(text) {
      const end = text.lastIndexOf('.');
      const [signed, signature] = [text.slice(0, Math.max(0, end)), text.slice(end + 1)];
      if (!isEqual(signature, sign(signed))) return null;
      const [version, written = '-', seen = '-'] = signed.split('.');
      if (version !== '1') return null;
      return { ...newSession(), written: decodePosition(written), seen: decodeSeen(seen) };
    },
  };
}

export function encodePosition({ timeline, lsn }: Position): string {
  // A position that could not be asked for: only the primary will do.
  return `${timeline}:${Number.isFinite(lsn) ? formatLsn(lsn) : '*'}`;
}

export function decodePosition(text: string): Position | null {
  const [timeline, lsn] = text.split(':');
  if (lsn === undefined) return null;
  return { timeline: Number(timeline), lsn: lsn === '*' ? Number.POSITIVE_INFINITY : parseLsn(lsn) };
}

export function encodeSeen(seen: Seen, track: PrimaryTrack): string {
  const { timeline } = seen;
  // Names are the application's, and may hold what separates the parts.
  const node =
    seen.node === null ? null : encodeURIComponent(seen.node).replaceAll('.', '%2E').replaceAll('~', '%7E');
  // Rounded up, and late by one round trip at most: a later time only asks for more.
  const last = track.last;
  const atMs =
    seen.clock === 'server' || last === undefined ? seen.atMs : last.serverMs + seen.atMs - last.sentMs;
  return last === undefined && seen.clock === 'own' ? '-' : `${node ?? ''}~${Math.ceil(atMs)}~${timeline}`;
}

export function decodeSeen(text: string): Seen | null {
  const [node, atMs, timeline] = text.split('~');
  if (timeline === undefined) return null;
  return {
    node: node ? decodeURIComponent(node) : null,
    clock: 'server',
    atMs: Number(atMs),
    timeline: Number(timeline),
  };
}

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
