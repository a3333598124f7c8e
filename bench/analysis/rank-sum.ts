import { median } from './median.ts';
import { type Interval, trimToConfidence } from './signed-rank.ts';

/**
 * Hodges-Lehmann shift of `after` against `before` (median of all differences) with the exact interval
 * that inverts the Wilcoxon-Mann-Whitney rank-sum test; for two sets that were not measured in pairs.
 * Source: Hollander, Wolfe & Chicken, Nonparametric Statistical Methods, 3rd ed., sections 4.2 and 4.3.
 * @returns null when either side has no values; the widest interval, with its own coverage, when they are few
 */
export function rankSumInterval(
  before: readonly number[],
  after: readonly number[],
  confidence = 0.95,
): Interval | null {
  const differences = after.flatMap((late) => before.map((early) => late - early)).sort((a, b) => a - b);
  const estimate = median(differences);
  if (estimate === null) return null;
  if (differences.length === 1) return { estimate, low: null, high: null, confidence: null };
  return {
    estimate,
    ...trimToConfidence(differences, rankSumNull(before.length, after.length), confidence),
  };
}

/**
 * P(U = u) for u = 0..m n: of the m + n ranks, every choice of m is equally likely. `counts[k][u]` is
 * the number of ways to have placed k of the first kind with u pairs in order, one rank at a time.
 */
function rankSumNull(m: number, n: number): readonly number[] {
  let ways: readonly (readonly number[])[] = [[1]];
  for (let placed = 0; placed < m + n; placed += 1) {
    const previous = ways;
    ways = Array.from({ length: Math.min(m, placed + 1) + 1 }, (_, first) => {
      const second = placed + 1 - first;
      if (second > n) return [];
      // The next rank is of the second kind (counts all of the first kind below it), or of the first.
      const asSecond = second > 0 ? (previous[first] ?? []) : [];
      const asFirst = first > 0 ? (previous[first - 1] ?? []) : [];
      return Array.from(
        { length: first * second + 1 },
        (_, u) => (asSecond[u - first] ?? 0) + (asFirst[u] ?? 0),
      );
    });
  }
  const counts = ways[m] ?? [];
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}
