/** Where the primary was, at one sample. Positions are bytes of WAL without a trailing page header. */
export interface PrimarySample {
  /** Everything written, flushed or not. */
  readonly insertLsn: number;
  /** What is durable, and so may be sent to replicas. */
  readonly flushLsn: number;
  readonly sentMs: number;
  readonly receivedMs: number;
}

/** Where a replica was: some time between asking and being answered. */
export interface ReplicaSample {
  readonly replayLsn: number;
  readonly sentMs: number;
  readonly receivedMs: number;
}

export interface LagBounds {
  /** Undefined when the replica is behind everything we remember. */
  readonly upperMs: number | undefined;
  readonly lowerMs: number;
}

export interface LagRing {
  add(sample: PrimarySample): void;
  bounds(replica: ReplicaSample): LagBounds;
  readonly size: number;
}

interface Entry {
  readonly insertLsn: number;
  readonly flushLsn: number;
  /** The primary was here at this time at the latest. */
  readonly seenMs: number;
  /** The primary was still here at this time. */
  stillMs: number;
}

/**
 * Remembers where the primary was when, on our clock alone, and so turns a replica's position into an
 * age: how long ago the primary was there. Unlike a difference of timestamps that PostgreSQL reports,
 * this does not grow while nothing is written, does not spike at the first write after a pause, keeps
 * growing while replay stands still, and needs no synchronised clocks.
 *
 * When full, every second of the older half is forgotten: bounds only get wider by that, and a replica
 * that stands still for hours still has an age.
 */
export function createLagRing(capacity = 1_024): LagRing {
  let entries: Entry[] = [];
  return {
    get size() {
      return entries.length;
    },
    add(sample) {
      const last = entries.at(-1);
      // Positions only fall when this is another cluster than before; its history says nothing.
      if (last !== undefined && sample.insertLsn < last.insertLsn) entries = [];
      else if (last?.insertLsn === sample.insertLsn && last.flushLsn === sample.flushLsn) {
        last.stillMs = sample.sentMs;
        return;
      }
      const { insertLsn, flushLsn } = sample;
      entries.push({ insertLsn, flushLsn, seenMs: sample.receivedMs, stillMs: sample.sentMs });
      if (entries.length > capacity) entries = entries.filter(isKept);
    },
    bounds(replica) {
      let index = entries.length - 1;
      while (index >= 0 && (entries[index]?.insertLsn ?? 0) > replica.replayLsn) index -= 1;
      const reached = entries[index];
      // The oldest that is certain to be missing: durable on the primary, not replayed here. WAL that
      // is not durable yet may belong to an open transaction, and so hide nothing from anybody.
      const missing = entries.slice(index + 1).find((entry) => entry.flushLsn > replica.replayLsn);
      return {
        upperMs: reached === undefined ? undefined : replica.receivedMs - reached.stillMs,
        lowerMs: missing === undefined ? 0 : Math.max(0, replica.sentMs - missing.seenMs),
      };
    },
  };
}

function isKept(_entry: Entry, index: number, entries: readonly Entry[]): boolean {
  return index % 2 === 0 || index > entries.length / 2;
}
