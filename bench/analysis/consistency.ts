/**
 * What clients saw of keys that carry versions: stale reads, how old and how many versions behind, and violations of
 * the session guarantees. Pure: from the recorded history alone.
 *
 * Versions of a key are numbered by the database in the order of their commits. A write is known to be done when its
 * answer has come, so everything here is a lower bound: what was committed and not yet answered accuses nobody.
 * Terms: Terry et al. 1994, "Session guarantees for weakly consistent replicated data"; Bailis et al. 2012,
 * "Probabilistically bounded staleness", for t- and k-staleness.
 */
import type { VersionedEvent } from '../model.ts';

export interface CheckedRead {
  readonly read: VersionedEvent;
  /** Milliseconds from the answer to the first write that the read missed to its start; null = it missed none. */
  readonly staleMs: number | null;
  /** Versions that it missed; 0 = none. */
  readonly staleVersions: number;
  /** Since the latest write before it was answered; null = nobody wrote the key before. */
  readonly sinceWriteMs: number | null;
  /** Whether it showed what its session had written; null = its session had written nothing there. */
  readonly readsOwnWrites: boolean | null;
  /** Whether it showed what its session had read before; null = nothing was read there before. */
  readonly isMonotonic: boolean | null;
}

/** Every read of the history, in the order of their starts. */
export function checkReads(history: readonly VersionedEvent[]): readonly CheckedRead[] {
  return [...groupByKey(history).values()].flatMap(checkKey).sort((a, b) => a.read.startMs - b.read.startMs);
}

function checkKey(events: readonly VersionedEvent[]): readonly CheckedRead[] {
  const reads = events.filter(({ kind }) => kind === 'read').sort((a, b) => a.startMs - b.startMs);
  const ended = events.toSorted((a, b) => a.endMs - b.endMs);
  /** Writes that were answered before the read at hand, by version, ascending. */
  const answered: VersionedEvent[] = [];
  const ownWrites = new Map<number, number>();
  const ownReads = new Map<number, number>();
  let next = 0;
  return reads.map((read) => {
    for (let event = ended[next]; event !== undefined && event.endMs <= read.startMs; event = ended[next]) {
      next += 1;
      const own = event.kind === 'write' ? ownWrites : ownReads;
      own.set(event.session, Math.max(event.version, own.get(event.session) ?? event.version));
      if (event.kind === 'write') insert(answered, event);
    }
    const missed = answered.slice(firstAbove(answered, read.version));
    const latest = answered.at(-1);
    return {
      read,
      staleMs: missed.length === 0 ? null : read.startMs - Math.min(...missed.map(({ endMs }) => endMs)),
      staleVersions: Math.max(0, (latest?.version ?? read.version) - read.version),
      sinceWriteMs: latest === undefined ? null : read.startMs - latest.endMs,
      readsOwnWrites: shows(read, ownWrites.get(read.session)),
      isMonotonic: shows(read, ownReads.get(read.session)),
    };
  });
}

function shows(read: VersionedEvent, version: number | undefined): boolean | null {
  return version === undefined ? null : read.version >= version;
}

function groupByKey(history: readonly VersionedEvent[]): ReadonlyMap<string, VersionedEvent[]> {
  const keys = new Map<string, VersionedEvent[]>();
  for (const event of history) {
    const events = keys.get(event.key);
    if (events === undefined) keys.set(event.key, [event]);
    else events.push(event);
  }
  return keys;
}

/** Answers come nearly in the order of versions. */
function insert(sorted: VersionedEvent[], event: VersionedEvent): void {
  let index = sorted.length;
  while (index > 0 && (sorted[index - 1]?.version ?? 0) > event.version) index -= 1;
  sorted.splice(index, 0, event);
}

/** Index of the first with a higher version. */
function firstAbove(sorted: readonly VersionedEvent[], version: number): number {
  let index = sorted.length;
  while (index > 0 && (sorted[index - 1]?.version ?? 0) > version) index -= 1;
  return index;
}
