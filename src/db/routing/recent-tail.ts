/** The tail of the latest durations. */

export interface RecentTail {
  /** Counts one of `ms`, unless another was counted less than `spacingMs` ago. */
  add(ms: number, nowMs: number, spacingMs?: number): void;
  /** There are enough of them to say something. */
  readonly isKnown: boolean;
  /** Of the latest; Infinity when it is not known. */
  p95(): number;
  /** How many of the latest took more, as a share of all. */
  shareAbove(ms: number): number;
  forget(): void;
}

/** A P95 of 200 has ten above it. */
const size = 200;
/** So many that two which had to connect first are above the P95. */
const enough = 50;
/** The latest reach back at least so many times `size`: four seconds, that one rush does not fill them. */
const leastSpacingMs = 20;

export function createRecentTail(): RecentTail {
  const latest: number[] = [];
  let next = 0;
  let addedMs = Number.NEGATIVE_INFINITY;
  /** Sorting is for whoever asks, not for each write. */
  let sorted: readonly number[] | null = null;

  const rank = (): readonly number[] => {
    sorted ??= latest.toSorted((a, b) => a - b);
    return sorted;
  };

  return {
    add(ms, nowMs, spacingMs = leastSpacingMs) {
      if (nowMs - addedMs < spacingMs) return;
      addedMs = nowMs;
      latest[next] = ms;
      next = (next + 1) % size;
      sorted = null;
    },
    get isKnown() {
      return latest.length >= enough;
    },
    p95() {
      if (latest.length < enough) return Number.POSITIVE_INFINITY;
      const ranked = rank();
      return ranked[Math.ceil(ranked.length * 0.95) - 1] ?? Number.POSITIVE_INFINITY;
    },
    shareAbove(ms) {
      const ranked = rank();
      return ranked.length === 0
        ? 0
        : (ranked.length - 1 - ranked.findLastIndex((each) => each <= ms)) / ranked.length;
    },
    forget() {
      latest.length = 0;
      next = 0;
      sorted = null;
    },
  };
}
