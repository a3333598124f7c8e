import { signFlipNull } from './signed-rank.ts';

export interface SignedRankQuestion {
  /** What the values are held against: 0, or the logarithm of a tolerance. */
  readonly centre: number;
  /** Which way the values would have to lie to reject the centre. */
  readonly alternative: 'greater' | 'less';
}

/**
 * Exact one-sided p of Wilcoxon's signed-rank test: how often the values would lie at least as far on
 * the given side of `centre`, by chance, if each were as likely above it as below.
 *
 * With ties it is the exact conditional test: tied distances share the mean of their ranks, and all 2^n
 * choices of signs are counted (never the normal approximation, which is too small for few blocks). A value
 * on the centre itself keeps its rank and has no sign (Pratt 1959), so it is evidence for neither side.
 * Source: Hollander, Wolfe & Chicken, Nonparametric Statistical Methods, 3rd ed., section 3.1.
 * @returns 1 without values: nothing speaks against anything
 */
export function signedRankP(values: readonly number[], { centre, alternative }: SignedRankQuestion): number {
  const distances = values
    .map((value) => (alternative === 'greater' ? value - centre : centre - value))
    .sort((a, b) => Math.abs(a) - Math.abs(b));
  const ranked = distances
    .map((distance, index) => ({ distance, rank: doubledRank(distances, index) }))
    .filter(({ distance }) => distance !== 0);
  const seen = ranked.reduce((sum, { distance, rank }) => sum + (distance > 0 ? rank : 0), 0);
  const probabilities = signFlipNull(ranked.map(({ rank }) => rank));
  let p = 0;
  // From the far end: the small probabilities first, so that rounding does not lose them.
  for (let sum = probabilities.length - 1; sum >= seen; sum -= 1) p += probabilities[sum] ?? 0;
  return Math.min(1, p);
}

/** Twice the mean rank of all that are as far as this one, a whole number; `distances` sorted by size. */
function doubledRank(distances: readonly number[], index: number): number {
  const size = Math.abs(distances[index] ?? 0);
  let first = index;
  let last = index;
  while (first > 0 && Math.abs(distances[first - 1] ?? 0) === size) first -= 1;
  while (last < distances.length - 1 && Math.abs(distances[last + 1] ?? 0) === size) last += 1;
  return first + last + 2;
}
