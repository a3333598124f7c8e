/** The way of one try of a query: what it needs, and where it went. */
import type { ReadRequest } from './pick.ts';
import type { Attempt, Router } from './router.ts';
import { floorOf, lacksPosition, type Session } from './session.ts';

export interface Way extends Attempt {
  /** Null = to the primary. */
  readonly read: ReadRequest | null;
  /** The primary must be on this one or a later one. */
  readonly timeline: number;
}

export function wayTo(read: ReadRequest | null, session: Session | undefined): Way {
  const timeline = session === undefined ? 0 : timelineOf(session);
  return {
    read,
    timeline,
    purpose: 'read',
    startMs: 0,
    holds: null,
    writeMs: null,
    node: undefined,
    connection: undefined,
    reason: undefined,
  };
}

/** The latest that the session has met: a primary on an older one is none any more. */
function timelineOf({ written, seen }: Session): number {
  return Math.max(written?.timeline ?? 0, seen?.timeline ?? 0);
}

/** What the session needs, once the positions of its writes are known. */
export async function floorFor(router: Router, session: Session): Promise<ReadRequest['floor']> {
  if (session.writing !== null) await session.writing;
  // It could not be asked for at the time; any later one covers it.
  if (lacksPosition(session)) {
    const before = session.written;
    const position = await router.positionNow();
    // Another write may have become known meanwhile.
    if (session.written === before) session.written = position;
  }
  return () => floorOf(session, router.cluster.track);
}

export const noFloor = (): null => null;
