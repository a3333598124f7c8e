import { quantileRanks } from './order-statistics.ts';

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
 * Distribution-free interval of the median from order statistics. Six values are the fewest for 95 %.
 * @returns null when even [min, max] covers less than asked for
 */
export function medianInterval(
  values: readonly number[],
  confidence = 0.95,
): { readonly low: number; readonly high: number; readonly confidence: number } | null {
  const ranks = quantileRanks(values.length, 0.5, confidence);
  if (ranks === null) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[ranks.low - 1], sorted[ranks.high - 1]];
  return low === undefined || high === undefined ? null : { low, high, confidence: ranks.confidence };
}
