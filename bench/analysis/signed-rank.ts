import { median } from './median.ts';

/** An estimate of location with a confidence interval; null where the values are too few to give one. */
export interface Interval {
  readonly estimate: number;
  readonly low: number | null;
  readonly high: number | null;
  /** Actual coverage of [low, high], 0..1: the discrete null distribution seldom hits the asked one. */
  readonly confidence: number | null;
}

/**
 * Hodges-Lehmann estimate (median of the Walsh averages) with the exact interval that inverts the
 * Wilcoxon signed-rank test. Assumes independent values, symmetric about their centre; for block
 * log-ratios the random order of the arms inside a block makes that so when the arms are equal.
 *
 * With n values the widest interval covers 1 - 2/2^n: 0.5 for n = 2, 0.9375 for 5, 0.96875 for 6. When
 * that is less than asked for, the widest one is returned with its own confidence; n = 1 gives none.
 * Source: Hollander, Wolfe & Chicken, Nonparametric Statistical Methods, 3rd ed., sections 3.2 and 3.3.
 * @returns null without values
 */
export function signedRankInterval(values: readonly number[], confidence = 0.95): Interval | null {
  const averages = walshAverages(values);
  const estimate = median(averages);
  if (estimate === null) return null;
  if (values.length === 1) return { estimate, low: null, high: null, confidence: null };
  return { estimate, ...trimToConfidence(averages, signFlipNull(ranksUpTo(values.length)), confidence) };
}

/**
 * The narrowest symmetric pair of order statistics that still covers: with `tail` values cut from both
 * ends of the sorted candidates, the coverage is 1 - 2 P(statistic <= tail).
 */
export function trimToConfidence(
  sortedCandidates: readonly number[],
  nullProbabilities: readonly number[],
  confidence: number,
): Omit<Interval, 'estimate'> {
  let tail = 0;
  let tailProbability = nullProbabilities[0] ?? 1;
  for (;;) {
    const next = tailProbability + (nullProbabilities[tail + 1] ?? 1);
    // The margin keeps a coverage that is exactly as asked from failing by rounding.
    if (1 - 2 * next < confidence - 1e-12) break;
    tail += 1;
    tailProbability = next;
  }
  return {
    low: sortedCandidates[tail] ?? null,
    high: sortedCandidates[sortedCandidates.length - 1 - tail] ?? null,
    confidence: 1 - 2 * tailProbability,
  };
}

/** Sorted averages of all pairs i <= j. */
function walshAverages(values: readonly number[]): readonly number[] {
  return values
    .flatMap((first, index) => values.slice(index).map((second) => (first + second) / 2))
    .sort((a, b) => a - b);
}

/**
 * P(W = w) for w = 0..sum of the ranks, W being the sum of those whose sign falls on the plus side, when
 * each sign is a fair coin: one rank at a time. Ranks are whole numbers.
 */
export function signFlipNull(ranks: readonly number[]): readonly number[] {
  const probabilities = new Array<number>(ranks.reduce((sum, rank) => sum + rank, 1)).fill(0);
  probabilities[0] = 1;
  let largest = 0;
  for (const rank of ranks) {
    largest += rank;
    // From above, so that every sum still finds those of the ranks before this one.
    for (let sum = largest; sum >= 0; sum -= 1) {
      const withRank = sum >= rank ? (probabilities[sum - rank] ?? 0) : 0;
      probabilities[sum] = ((probabilities[sum] ?? 0) + withRank) / 2;
    }
  }
  return probabilities;
}

/** 1, 2 ... n: the ranks of n values without ties. */
function ranksUpTo(n: number): readonly number[] {
  return Array.from({ length: n }, (_, index) => index + 1);
}
