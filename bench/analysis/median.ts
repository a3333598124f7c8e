/** Median of the values; the mean of the middle two when their number is even, null without values. */
export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  return lower === undefined || upper === undefined ? null : (lower + upper) / 2;
}

/** The values that were measured. */
export function known(values: readonly (number | null | undefined)[]): readonly number[] {
  return values.filter((value) => typeof value === 'number');
}

/**
 * Distribution-free interval of the median from order statistics: [x(k), x(n+1-k)] covers it with
 * probability 1 - 2 P(Binomial(n, 1/2) < k). Six values are the fewest for 95 %.
 * Source: Conover, Practical Nonparametric Statistics, 3rd ed., section 3.2.
 * @returns null when even [min, max] covers less than asked for
 */
export function medianInterval(
  values: readonly number[],
  confidence = 0.95,
): { readonly low: number; readonly high: number } | null {
  const sorted = [...values].sort((a, b) => a - b);
  let probability = 0.5 ** sorted.length;
  let below = probability;
  let interval: { readonly low: number; readonly high: number } | null = null;
  for (let rank = 0; 1 - 2 * below >= confidence - 1e-12; rank += 1) {
    const low = sorted[rank];
    const high = sorted[sorted.length - 1 - rank];
    if (low === undefined || high === undefined) break;
    interval = { low, high };
    probability *= (sorted.length - rank) / (rank + 1);
    below += probability;
  }
  return interval;
}
