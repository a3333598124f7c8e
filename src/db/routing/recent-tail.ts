/** The tail of the latest durations. */

export interface RecentTail {
  /** Counts one of `ms`, unless another was counted less than `spacingMs` ago. */
  add(ms: number, nowMs: number, spacingMs?: number): void;
  /** There are enough of them to say something. */
  readonly isKnown: boolean;
  /** What so large a share of the latest do not exceed; Infinity when it is not known. */
  quantile(share: number): number;
  forget(): void;
}

/** A P98 of 200 has four above it. */
const size = 200;
/** So many that one which had to connect first is above the P98. */
const enough = 50;
/** The latest reach back at least so many times `size`: four seconds, that one rush does not fill them. */
const leastSpacingMs = 20;

export function createRecentTail(): RecentTail {
  const latest: number[] = [];
  let next = 0;
  let addedMs = Number.NEGATIVE_INFINITY;
  /** Sorting is for whoever asks, not for each write. */
  let sorted: readonly number[] | null = null;

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
    quantile(share) {
      if (latest.length < enough) return Number.POSITIVE_INFINITY;
      sorted ??= latest.toSorted((a, b) => a - b);
      return sorted[Math.ceil(latest.length * share) - 1] ?? Number.POSITIVE_INFINITY;
    },
    forget() {
      latest.length = 0;
      next = 0;
      sorted = null;
    },
  };
}
