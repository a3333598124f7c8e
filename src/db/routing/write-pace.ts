/** How much the primary can take over from replicas before its own writes slow down: an adaptive concurrency limit. */
import type { Pace } from './allowance.ts';

export interface WritePace extends Pace {
  /** A write begins now; the time that it does, for `ended`. */
  began(): number;
  /** Once for each; `isAnswered`: and not broken off. */
  ended(startMs: number, isAnswered: boolean): void;
  /** Another server is the primary now. */
  forget(): void;
}

/** Of its time at first: enough to serve some reads, and not enough to topple anything. */
const firstAverage = 0.25;
/** So little that writes do not notice it. */
const leastAverage = 0.05;

/** Writes are looked at in windows: of so long at least, and of so many, for as long as that is worth waiting for. */
const windowMs = 250;
const enoughWrites = 8;
const longestWindowMs = 10_000;
/** Without any answer in so long, whatever is under way hangs; if nothing is, nobody writes. */
const emptyMs = 1_000;

/** Steps of the limit: at first it is looked for, then it is followed. */
const searching = 1.5;
const following = 1.15;
/** Near to where writes last slowed down it goes on carefully (as TCP CUBIC does, RFC 9438). */
const near = 0.6;
const carefully = 1.05;
const mostCut = 0.6;

/** After so long without a read to take over what was found out says nothing any more. */
const restMs = 10_000;

/** Times what is usual: no write counts for more, so that one in a window, a long transaction, decides nothing. */
const mostOfOne = 3;

/** Time constants of what is usual: it is what was so just before, and at a least pace no hasty judgement. */
const recentMs = 3_000;
const lastingMs = 30_000;

/**
 * The mean of the writes is the measure, since what a queue does to them is seen in the longest first. What is usual
 * is learned while nothing is taken over, and while so little is that it does not matter: so a limit that is too low
 * for whatever reason finds its way up again. While writes take `slowdown` times what is usual the limit goes down;
 * while they do not, and reads have to wait, up, to `most`. After the gradient of Envoy's adaptive concurrency
 * filter, which also goes down to its least now and then to learn what is usual. `clock` is monotonic, in
 * milliseconds.
 */
export function createWritePace(slowdown: number, most: number, clock: () => number): WritePace {
  const first = slowdown === Number.POSITIVE_INFINITY ? most : Math.min(firstAverage, most);
  const least = Math.min(leastAverage, first);
  let underWay = 0;
  let usualMs: number | null = null;
  let average = first;
  let isSearching = true;
  let wasCut = false;
  /** Where writes last slowed down. */
  let tooMuch = Number.POSITIVE_INFINITY;
  let askedMs = Number.NEGATIVE_INFINITY;
  let window = newWindow(clock());

  const learn = (ms: number, sinceMs: number, constantMs: number): void => {
    usualMs = usualMs === null ? ms : usualMs + (ms - usualMs) * (1 - Math.exp(-sinceMs / constantMs));
  };

  const cut = (share: number): void => {
    if (!wasCut) tooMuch = average;
    wasCut = true;
    average = Math.max(least, average * Math.max(mostCut, share));
    isSearching = false;
  };

  const raise = (): void => {
    wasCut = false;
    if (!window.isHeld) return;
    const isNear = average > near * tooMuch && average < tooMuch;
    const step = isSearching ? searching : isNear ? carefully : following;
    average = Math.min(most, average * step);
  };

  /** Closes the window once it says something. */
  const look = (nowMs: number): void => {
    const { startMs, answersMs, isAsked } = window;
    const sinceMs = nowMs - startMs;
    if (answersMs.length === 0) {
      if (sinceMs < emptyMs) return;
      if (isAsked && underWay > 0 && slowdown < Number.POSITIVE_INFINITY) cut(mostCut);
      else if (isAsked) raise();
    } else {
      if (sinceMs < windowMs || (answersMs.length < enoughWrites && sinceMs < longestWindowMs)) return;
      const ms = cappedMean(answersMs, mostOfOne * (usualMs ?? median(answersMs)));
      const slowMs = usualMs === null ? Number.POSITIVE_INFINITY : slowdown * usualMs;
      if (!isAsked) learn(ms, sinceMs, recentMs);
      else if (average <= least) learn(ms, sinceMs, lastingMs);
      if (isAsked && ms > slowMs) cut(slowMs / ms);
      else if (isAsked) raise();
    }
    window = newWindow(nowMs);
  };

  return {
    average: () => average,
    asked(isHeld) {
      const nowMs = clock();
      if (nowMs - askedMs > restMs) {
        average = first;
        isSearching = true;
        tooMuch = Number.POSITIVE_INFINITY;
        window = newWindow(nowMs);
      }
      askedMs = nowMs;
      window.isAsked = true;
      window.isHeld ||= isHeld;
      look(nowMs);
    },
    began() {
      underWay += 1;
      return clock();
    },
    ended(startMs, isAnswered) {
      underWay -= 1;
      const nowMs = clock();
      if (isAnswered) window.answersMs.push(nowMs - startMs);
      look(nowMs);
    },
    forget() {
      usualMs = null;
      window = newWindow(clock());
    },
  };
}

interface Window {
  readonly startMs: number;
  readonly answersMs: number[];
  /** Reads were taken over, or wanted to be. */
  isAsked: boolean;
  /** Some had to wait for the pace. */
  isHeld: boolean;
}

function newWindow(startMs: number): Window {
  return { startMs, answersMs: [], isAsked: false, isHeld: false };
}

function cappedMean(values: readonly number[], cap: number): number {
  return values.reduce((sum, value) => sum + Math.min(value, cap), 0) / values.length;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
