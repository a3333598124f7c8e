/** How much the primary can take over from replicas before its own writes slow down: an adaptive concurrency limit. */
import type { Pace } from './allowance.ts';
import { createRecentTail } from './recent-tail.ts';

export interface WritePace extends Pace {
  /** A write begins now; the time that it does, for `ended`. */
  began(): number;
  /** Once for each; `isAnswered`: and not broken off. */
  ended(startMs: number, isAnswered: boolean): void;
  /** Another server is the primary now. */
  forget(): void;
}

/** Of its time at first: enough to serve some reads, and not enough to topple anything. */
const firstAverage = 0.05;
/** So little that writes do not notice it. */
const leastAverage = 0.03;

/** So many of the writes may be slow. Fewer than one in twenty, so that their P95 has some room. */
const slowShare = 0.03;
/** More of them than usually are: where one in thirty takes a second at all times, it says nothing of the reads. */
const usuallyNotSlow = 0.98;
/** What a slow write takes off the logarithm of the limit, and others together put on again. */
const step = 0.2;
/** Until the first slow write the limit is looked for: it rises so many times as fast. */
const searching = 4;
/** Writes that are so far apart count in full, closer ones for less: the limit must not race ahead of what it does. */
const fullGapMs = 25;
/** Weight of the newest gap between writes. */
const gapWeight = 0.05;

/** So long after a read asked to be taken over, writes tell what it did to them. */
const quietMs = 500;
/** At the least pace what is usual is learned anew from one write in so long: no hasty judgement. */
const lastingSpacingMs = 1_000;
/** Without any answer in so long, whatever is under way hangs; if nothing is, nobody writes, and nothing is to be protected. */
const emptyMs = 1_000;
const hangingStep = 0.5;
const emptyStep = 1.5;

/** After so long without a read to take over what was found out says nothing any more. */
const restMs = 10_000;

/**
 * A write is slow when it takes more than `slowdown` times what 95 of 100 took while nothing was taken over, and more than
 * 98 of them. Each slow one takes a step off the limit, and each other one puts so much less on it, while reads have to wait and up to `most`, that
 * the limit comes to rest where the share of slow writes is `slowShare` (a stochastic approximation of that quantile,
 * Robbins and Monro 1951). The mean is no measure: a few writes that wait for a turn of the scheduler or for the next
 * period of a CPU quota leave it where it is and multiply P95. At the least pace what is usual is learned anew, so a
 * limit that is too low for whatever reason finds its way up again. `clock` is monotonic, in milliseconds.
 */
export function createWritePace(slowdown: number, most: number, clock: () => number): WritePace {
  const first = slowdown === Number.POSITIVE_INFINITY ? most : Math.min(firstAverage, most);
  const least = Math.min(leastAverage, first);
  const usual = createRecentTail();
  let underWay = 0;
  let average = first;
  let isSearching = true;
  let askedMs = Number.NEGATIVE_INFINITY;
  let heldMs = Number.NEGATIVE_INFINITY;
  /** Of the latest write, or when it was last said that there is none. */
  let answeredMs = clock();
  let gapMs = fullGapMs;

  const begin = (): void => {
    average = first;
    isSearching = true;
  };

  const move = (by: number, nowMs: number): void => {
    // What nobody waits for need not be more.
    if (by > 0 && nowMs - heldMs > quietMs) return;
    average = Math.min(most, Math.max(least, average * Math.exp(by)));
  };

  const judge = (tookMs: number, nowMs: number): void => {
    const isSlow = tookMs > Math.max(slowdown * usual.quantile(0.95), usual.quantile(usuallyNotSlow));
    if (isSlow) isSearching = false;
    const weight = Math.min(1, gapMs / fullGapMs) * (isSearching ? searching : 1);
    move(step * weight * (isSlow ? slowShare - 1 : slowShare), nowMs);
  };

  return {
    average: () => average,
    asked(isHeld) {
      const nowMs = clock();
      if (nowMs - askedMs > restMs) {
        begin();
        answeredMs = nowMs;
      }
      askedMs = nowMs;
      if (isHeld) heldMs = nowMs;
      if (nowMs - answeredMs < emptyMs) return;
      answeredMs = nowMs;
      if (underWay === 0) move(emptyStep, nowMs);
      else if (slowdown < Number.POSITIVE_INFINITY) move(-hangingStep, nowMs);
    },
    began() {
      underWay += 1;
      return clock();
    },
    ended(startMs, isAnswered) {
      underWay -= 1;
      if (!isAnswered) return;
      const nowMs = clock();
      gapMs += (nowMs - answeredMs - gapMs) * gapWeight;
      answeredMs = nowMs;
      const isQuiet = nowMs - askedMs > quietMs;
      if (isQuiet || !usual.isKnown) usual.add(nowMs - startMs, nowMs);
      else {
        judge(nowMs - startMs, nowMs);
        if (average <= least) usual.add(nowMs - startMs, nowMs, lastingSpacingMs);
      }
    },
    forget() {
      usual.forget();
      begin();
    },
  };
}
