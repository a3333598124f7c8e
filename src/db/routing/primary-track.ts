/** Where the primary was when, on this process's clock: what turns a replica's position into an age. */
import type { Position } from './position.ts';

/** One answer of the primary. */
export interface PrimarySample {
  readonly position: Position;
  /** Monotonic time of this process at which the question left. */
  readonly sentMs: number;
  /** The primary's own clock, read just before its position; only ever compared with itself. */
  readonly serverMs: number;
}

export interface PrimaryTrack {
  add(sample: PrimarySample): void;
  readonly last: PrimarySample | undefined;
  /**
   * How long ago the primary was where a replica is, in milliseconds: 0 when the replica has all that the primary
   * had at the latest sample, unless that sample is older than `freshMs`: then its age, because what has been
   * written since is unknown. Infinity when the replica is behind everything remembered, or on another timeline.
   */
  lagMs(replica: Position, nowMs: number, freshMs: number): number;
  /** Bytes from the replica to the latest sample; Infinity as in lagMs. */
  lagBytes(replica: Position): number;
  /** A place that includes everything that any node can have shown up to `atMs`; undefined = not sampled since. */
  boundAt(atMs: number): Position | undefined;
  /** The same for a time of the primary's clock. */
  boundAtServer(serverMs: number): Position | undefined;
  /** Whether a node there has everything of `floor` that exists at all. */
  includes(place: Position, floor: Position): boolean;
}

interface Entry extends PrimarySample {
  /** The primary was still there at these times. */
  readonly stillSentMs: number;
  readonly stillServerMs: number;
}

/**
 * Lag by a difference of timestamps grows while nothing is written and leaps at the first write after a pause;
 * by this ring it does neither, keeps growing while replay stands still, and needs no synchronised clocks. Its error
 * is one sampling interval, on the safe side.
 */
export function createPrimaryTrack(capacity = 1_024): PrimaryTrack {
  let entries: Entry[] = [];
  /** Timeline -> the first position seen on it: at or behind the place where it left the former one. */
  const firstOn = new Map<number, number>();

  const boundBy = (time: 'stillSentMs' | 'stillServerMs', at: number): Position | undefined => {
    let bound: Position | undefined;
    let laterMs = Number.POSITIVE_INFINITY;
    for (let index = entries.length - 1; index >= 0; index -= 1) {
      const entry = entries[index];
      // The primary's clock may have been set back: what it said before that is no bound of anything after.
      if (entry === undefined || entry[time] < at || entry[time] > laterMs) break;
      bound = entry.position;
      laterMs = entry[time];
    }
    return bound;
  };

  return {
    get last() {
      return entries.at(-1);
    },
    add(sample) {
      const { timeline, lsn } = sample.position;
      const last = entries.at(-1);
      if (last !== undefined && timeline < last.position.timeline) return;
      const still = { stillSentMs: sample.sentMs, stillServerMs: sample.serverMs };
      if (last?.position.timeline === timeline && last.position.lsn === lsn) {
        entries[entries.length - 1] = { ...last, ...still };
        return;
      }
      if (!firstOn.has(timeline)) firstOn.set(timeline, lsn);
      // After a promotion the past says nothing: the new primary may lack what the former one had. A position
      // that falls on one timeline is another cluster.
      if (last !== undefined && (last.position.timeline !== timeline || lsn < last.position.lsn))
        entries = [];
      // Sessions that write ask often; so close together the later ones tell nothing that ages would show.
      const [before, latest] = entries.slice(-2);
      if (before !== undefined && latest !== undefined && latest.sentMs - before.sentMs < finestMs)
        entries.pop();
      entries.push({ ...sample, ...still });
      if (entries.length > capacity) entries = thinned(entries, sample.sentMs);
    },
    lagMs(replica, nowMs, freshMs) {
      const last = entries.at(-1);
      if (last === undefined || replica.timeline !== last.position.timeline) return Number.POSITIVE_INFINITY;
      if (replica.lsn >= last.position.lsn) {
        const age = nowMs - last.stillSentMs;
        return age <= freshMs ? 0 : age;
      }
      const reached = entries.findLast(({ position }) => position.lsn <= replica.lsn);
      return reached === undefined ? Number.POSITIVE_INFINITY : Math.max(0, nowMs - reached.stillSentMs);
    },
    lagBytes(replica) {
      const last = entries.at(-1)?.position;
      if (last === undefined || replica.timeline !== last.timeline) return Number.POSITIVE_INFINITY;
      return Math.max(0, last.lsn - replica.lsn);
    },
    boundAt: (atMs) => boundBy('stillSentMs', atMs),
    boundAtServer: (serverMs) => boundBy('stillServerMs', serverMs),
    includes(place, floor) {
      if (place.timeline === floor.timeline) return place.lsn >= floor.lsn;
      if (place.timeline < floor.timeline) return false;
      // What of an older timeline has survived lies before the fork; what lies behind it is lost everywhere.
      const fork = firstOn.get(place.timeline);
      return fork !== undefined && place.lsn >= fork;
    },
  };
}

/** The older, the farther apart: ages only become safer by that, and a replica that stands still for a day has one. */
function thinned(entries: readonly Entry[], nowMs: number): Entry[] {
  const kept: Entry[] = [];
  for (const entry of entries) {
    const last = kept.at(-1);
    if (last === undefined || entry.sentMs - last.sentMs >= (nowMs - entry.sentMs) * coarsest)
      kept.push(entry);
  }
  // A ring so short that nothing is too close: then every second one goes, and never the oldest.
  return kept.length < entries.length
    ? kept
    : entries.filter((_, index) => index % 2 === 0 || index === entries.length - 1);
}

/** Milliseconds between two entries, at least. */
const finestMs = 10;
/** And at most this share of their age. */
const coarsest = 0.02;
