/** What one client has written and seen, and hence how fresh its next read has to be. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Position } from './position.ts';
import type { PrimaryTrack } from './primary-track.ts';

/** Read-your-writes and monotonic reads for one client: a browser, a user, a job. */
export interface Session {
  /** Includes every write of the client; null = none. */
  written: Position | null;
  /** Positions of writes that are being asked for; reads of the session wait for it. */
  writing: Promise<void> | null;
  /** The client's latest read; null = none. */
  seen: Seen | null;
  /** What the client did before is not known: only the primary will do. */
  unknown: boolean;
}

export interface Seen {
  /** The only node known to have everything the client saw; null = none, as after reads of two at once. */
  readonly node: string | null;
  /** When the read ended; `own` = monotonic clock of this process, `server` = the clock of the primary. */
  readonly clock: 'own' | 'server';
  readonly atMs: number;
  /** The timeline of the primary at that time. */
  readonly timeline: number;
}

export function newSession(): Session {
  return { written: null, writing: null, seen: null, unknown: false };
}

const storage = new AsyncLocalStorage<Session>();

/** Runs `work`; every query inside belongs to the session. */
export function inSession<Result>(session: Session, work: () => Result): Result {
  return storage.run(session, work);
}

export function currentSession(): Session | undefined {
  return storage.getStore();
}

/** After a commit. `position` is one that was sampled after it; the promise must not reject. */
export function noteWrite(session: Session, position: Promise<Position>): void {
  const asked = Promise.all([session.writing, position]).then(([, after]) => {
    session.written = later(session.written, after);
    if (session.writing === asked) session.writing = null;
  });
  session.writing = asked;
}

/** Whether the position of a write could not be asked for: until it can, only the primary will do. */
export function lacksPosition({ written }: Session): boolean {
  return written !== null && !Number.isFinite(written.lsn);
}

/** After a read that began at `startMs` and ended at `endMs` on `node`. */
export function noteRead(
  session: Session,
  read: {
    /** Null = a node that had less than it should. */
    readonly node: string | null;
    readonly startMs: number;
    readonly endMs: number;
    readonly timeline: number;
  },
): void {
  const { seen } = session;
  // This read was chosen before it was known what the other one saw, so its node need not have that.
  const beside = seen !== null && seen.node !== read.node && seen.clock === 'own' && seen.atMs > read.startMs;
  session.seen = { node: beside ? null : read.node, clock: 'own', atMs: read.endMs, timeline: read.timeline };
}

/** What a node must have for the session's next read. */
export interface Floor {
  readonly written: Position | null;
  /** Null = nothing was read; undefined = not known yet: only `seenOn` will do. */
  readonly seen: Position | null | undefined;
  /** Has all that was seen, unless it was away in between. */
  readonly seenOn: string | null;
  /** Monotonic time of this process, at the latest of which that was. */
  readonly seenMs: number;
}

/** Null when any node will do. */
export function floorOf(session: Session, track: PrimaryTrack): Floor | null {
  const { seen } = session;
  const written = session.unknown
    ? { timeline: track.last?.position.timeline ?? 0, lsn: Number.POSITIVE_INFINITY }
    : session.written;
  if (written === null && seen === null) return null;
  if (seen === null) return { written, seen: null, seenOn: null, seenMs: 0 };
  const last = track.last;
  if (last !== undefined && seen.timeline !== last.position.timeline) {
    // All that is left of an older timeline: see PrimaryTrack.includes.
    const bound = { timeline: seen.timeline, lsn: Number.POSITIVE_INFINITY };
    return { written, seen: bound, seenOn: null, seenMs: 0 };
  }
  if (seen.clock === 'own') {
    return { written, seen: track.boundAt(seen.atMs), seenOn: seen.node, seenMs: seen.atMs };
  }
  // Early by one round trip at most: the primary read its clock after the question left.
  const seenMs = last === undefined ? Number.NEGATIVE_INFINITY : last.sentMs + seen.atMs - last.serverMs;
  return { written, seen: track.boundAtServer(seen.atMs), seenOn: seen.node, seenMs };
}

function later(a: Position | null, b: Position): Position {
  if (a === null) return b;
  // Asked for later, it covers those whose positions could not be asked for.
  if (a.lsn === Number.POSITIVE_INFINITY && b.timeline >= a.timeline) return b;
  if (a.timeline !== b.timeline) return a.timeline > b.timeline ? a : b;
  return a.lsn > b.lsn ? a : b;
}
