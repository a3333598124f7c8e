/** How much the primary can take over from replicas before its own writes slow down: an adaptive concurrency limit. */
import type { Pace } from './allowance.ts';

export interface WritePace extends Pace {
  /** A write took `ms`; `alone`: no read that was taken over ran beside it. */
  wrote(ms: number, alone: boolean): void;
}

/** Of its time at first: enough to serve some reads, and not enough to topple anything. */
const firstAverage = 0.25;
const leastAverage = 0.01;

/** Shortest time over which writes are looked at, and how many of them are wanted, for as long as that is worth while. */
const windowMs = 250;
const enoughWrites = 8;
const longestWindowMs = 1_000;

/** Steps of the limit: at first it is looked for, then it is followed (as TCP does, RFC 5681). */
const searching = 2;
const following = 1.1;
const mostCut = 0.5;

/** After so long without a read to take over what was found out says nothing any more. */
const restMs = 10_000;

/** Writes that the mean remembers: some minutes, so that an outage does not pass for what is usual. */
const remembered = 1_000;

/**
 * The primary's own writes are the measure: those that ran alone tell what they take, and the limit goes down while all of
 * them take `slowdown` times that, and up while they do not and reads have to wait. What else slows the primary slows both, and does
 * not count. After the gradient of Envoy's adaptive concurrency filter; that one lets requests rest now and then to measure
 * what is usual, which writes need not: they run alone often enough when few reads are let in. Without writes there is nothing to
 * protect, and the limit rises to `most`. `clock` is monotonic, in milliseconds.
 */
export function createWritePace(slowdown: number, most: number, clock: () => number): WritePace {
  const usual = { mean: 0, writes: 0 };
  const first = slowdown === Number.POSITIVE_INFINITY ? most : Math.min(firstAverage, most);
  let average = first;
  let isSearching = true;
  let askedMs = Number.NEGATIVE_INFINITY;
  let window = { startMs: 0, sumMs: 0, writes: 0, isHeld: false };

  const begin = (nowMs: number): void => {
    window = { startMs: nowMs, sumMs: 0, writes: 0, isHeld: false };
  };

  const adapt = (nowMs: number): void => {
    const { startMs, sumMs, writes, isHeld } = window;
    const sinceMs = nowMs - startMs;
    if (sinceMs < windowMs || (writes < enoughWrites && sinceMs < longestWindowMs)) return;
    const slower = writes === 0 || usual.writes === 0 ? 1 : sumMs / writes / usual.mean;
    if (slower > slowdown) {
      average = Math.max(leastAverage, average * Math.max(mostCut, slowdown / slower));
      isSearching = false;
    } else if (isHeld) {
      average = Math.min(most, average * (isSearching ? searching : following));
    }
    begin(nowMs);
  };

  return {
    average: () => average,
    asked(isHeld) {
      const nowMs = clock();
      if (nowMs - askedMs > restMs) {
        average = first;
        isSearching = true;
        begin(nowMs);
      }
      askedMs = nowMs;
      window.isHeld ||= isHeld;
      adapt(nowMs);
    },
    wrote(ms, alone) {
      if (alone) {
        usual.writes = Math.min(remembered, usual.writes + 1);
        usual.mean += (ms - usual.mean) / usual.writes;
      }
      window.sumMs += ms;
      window.writes += 1;
    },
  };
}
