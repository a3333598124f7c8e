/** How much the primary can take over from replicas before its own writes slow down: an adaptive concurrency limit. */
import type { Pace } from './allowance.ts';
import { createRecentTail } from './recent-tail.ts';

export interface WritePace extends Pace {
  /** A write begins at that time, which is for `ended`. */
  began(startMs: number): void;
  /** Once for each; `isAnswered`: and not broken off. */
  ended(startMs: number, isAnswered: boolean, nowMs: number): void;
  /** Another server is the primary now. */
  forget(): void;
}

/** Of its time at first: enough to serve some reads, and not enough to topple anything. */
const firstAverage = 0.05;
/** So little that writes do not notice it. */
const leastAverage = 0.03;

/**
 * So many of the writes may be slow, or, where more than one in a hundred is at all times, halfway from there to one in
 * twenty: fewer than that, so that their P95 has some room.
 */
const slowShare = 0.03;
const mostSlow = 0.05;
/** What a slow write takes off the logarithm of the limit, and others together put on again. */
const step = 0.2;
/** Until the first slow write the limit is looked for: it rises so many times as fast. */
const searching = 4;
/** Writes that are so far apart count in full, closer ones for less: the limit must not race ahead of what it does. */
const fullGapMs = 25;
/** Weight of the newest gap between writes, and what it counts for at most. */
const gapWeight = 0.05;
const mostGapMs = 1_000;

/** So long after a read had to wait, writes tell what those did that had not to. */
const quietMs = 500;
/** At the least pace what is usual is learned anew from one write in so long: no hasty judgement. */
const lastingSpacingMs = 1_000;

/** Without any answer in so long, writes that are under way hang, but for those of a transaction that is left open. */
const hangingMs = 1_000;
const leftOpenMs = 10_000;
const hangingStep = 0.5;
/** Without any write in so many usual gaps, and a second at least, there is nothing to protect. */
const emptyGaps = 10;
const leastEmptyMs = 1_000;
const emptyStep = 1.5;

/** After so long without a read to take over what was found out says nothing any more. */
const restMs = 10_000;

/**
 * A write is slow when it takes more than `slowdown` times the usual P95. Each slow one takes a step off the limit, and
 * each other one puts so much less on it, up to `most`, that while reads have to wait the limit comes to rest where a
 * given share is slow (a stochastic approximation of a quantile, Robbins and Monro 1951). The mean is no measure: a few
 * writes that wait for a turn of the scheduler or for the next period of a CPU quota leave it where it is and multiply
 * P95. Usual is what writes took while no read had to wait; at the least pace it is learned anew, so that a limit that
 * is too low for whatever reason finds its way up again. `clock` is monotonic, in milliseconds.
 */
export function createWritePace(slowdown: number, most: number, clock: () => number): WritePace {
  const first = slowdown === Number.POSITIVE_INFINITY ? most : Math.min(firstAverage, most);
  const least = Math.min(leastAverage, first);
  const usual = createRecentTail();
  /** When they began. */
  let underWay: number[] = [];
  let average = first;
  let isSearching = true;
  let askedMs = Number.NEGATIVE_INFINITY;
  let heldMs = Number.NEGATIVE_INFINITY;
  /** Of the latest write. */
  let answeredMs = clock();
  /** When it was last looked whether writes hang or are none. */
  let lookedMs = answeredMs;
  let gapMs = fullGapMs;

  const beginAnew = (nowMs: number): void => {
    average = first;
    isSearching = true;
    lookedMs = nowMs;
  };

  const move = (by: number): void => {
    average = Math.min(most, Math.max(least, average * Math.exp(by)));
  };

  const judge = (tookMs: number): void => {
    const slowMs = slowdown * usual.p95();
    const isSlow = tookMs > slowMs;
    if (isSlow) isSearching = false;
    const target = Math.max(slowShare, (usual.shareAbove(slowMs) + mostSlow) / 2);
    const weight = Math.min(1, gapMs / fullGapMs) * (isSearching ? searching : 1);
    move(step * weight * (isSlow ? target - 1 : target));
  };

  /** Writes that are not answered tell nothing by themselves. */
  const lookForWrites = (nowMs: number): void => {
    const sinceMs = nowMs - Math.max(answeredMs, lookedMs);
    if (sinceMs < hangingMs) return;
    const hang = underWay.some((startMs) => nowMs - startMs >= hangingMs && nowMs - startMs < leftOpenMs);
    const isEmpty = underWay.length === 0 && sinceMs >= Math.max(leastEmptyMs, emptyGaps * gapMs);
    if (hang && slowdown < Number.POSITIVE_INFINITY) {
      isSearching = false;
      move(-hangingStep);
    } else if (isEmpty && nowMs - heldMs <= quietMs) move(emptyStep);
    else return;
    lookedMs = nowMs;
  };

  return {
    average: () => average,
    asked(isHeld) {
      const nowMs = clock();
      if (nowMs - askedMs > restMs) beginAnew(nowMs);
      askedMs = nowMs;
      if (isHeld) heldMs = nowMs;
      lookForWrites(nowMs);
    },
    began(startMs) {
      underWay.push(startMs);
    },
    ended(startMs, isAnswered, nowMs) {
      const index = underWay.indexOf(startMs);
      // Of a former primary.
      if (index < 0) return;
      underWay.splice(index, 1);
      if (!isAnswered) return;
      gapMs += (Math.min(mostGapMs, nowMs - answeredMs) - gapMs) * gapWeight;
      answeredMs = nowMs;
      const tookMs = nowMs - startMs;
      if (nowMs - heldMs > quietMs || !usual.isKnown) return usual.add(tookMs, nowMs);
      // Before it is judged: else only slow ones would be met there.
      if (average < least * Math.exp(step)) usual.add(tookMs, nowMs, lastingSpacingMs);
      judge(tookMs);
    },
    forget() {
      usual.forget();
      underWay = [];
      beginAnew(clock());
    },
  };
}
