import { binomialProbabilities } from './binomial.ts';

export interface RankInterval {
  /** Ranks in the sorted values, 1 being the smallest. */
  readonly low: number;
  readonly high: number;
  /** Actual coverage, at least as asked: ranks are whole numbers. */
  readonly confidence: number;
}

/**
 * Which two of n sorted independent values enclose a quantile (0.5 = the median) of where they come from,
 * whatever its distribution: each side misses it with (1 - confidence) / 2 at most.
 * Source: Conover, Practical Nonparametric Statistics, 3rd ed., section 3.2.
 * @returns null when even the smallest or the largest value is not far enough out
 */
export function quantileRanks(n: number, quantile: number, confidence = 0.95): RankInterval | null {
  // The margin keeps a coverage that is exactly as asked from failing by rounding.
  const allowed = (1 - confidence) / 2 + 1e-12;
  const probabilities = binomialProbabilities(n, quantile);
  let low = 0;
  let below = 0;
  while (low < n && below + (probabilities[low] ?? 0) <= allowed) {
    below += probabilities[low] ?? 0;
    low += 1;
  }
  let high = n + 1;
  let above = 0;
  while (high > 1 && above + (probabilities[high - 1] ?? 0) <= allowed) {
    above += probabilities[high - 1] ?? 0;
    high -= 1;
  }
  return low < 1 || high > n ? null : { low, high, confidence: 1 - below - above };
}
