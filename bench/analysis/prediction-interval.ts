import { studentTQuantile } from './student-t.ts';

/** With fewer stored runs the interval is so wide that it finds nothing. */
export const fewestForPrediction = 10;

export interface PredictionInterval {
  /** Mean of the stored values. */
  readonly centre: number;
  readonly low: number;
  readonly high: number;
  readonly values: number;
}

/**
 * Where the next value of a series lies with the given probability, two-sided: mean +- t s sqrt(1 + 1/n).
 * Assumes independent values of one normal distribution; for log-ratios of a candidate against an anchor build
 * that is measured in the same session that is plausible, for raw figures of different days it is not.
 * Source: Hahn & Meeker, Statistical Intervals, section 4.8 ("to contain a single future observation").
 * @returns null for fewer than {@link fewestForPrediction} values
 */
export function predictionInterval(values: readonly number[], confidence = 0.99): PredictionInterval | null {
  const n = values.length;
  if (n < fewestForPrediction) return null;
  const centre = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (n - 1);
  const reach = studentTQuantile((1 + confidence) / 2, n - 1) * Math.sqrt(variance * (1 + 1 / n));
  return { centre, low: centre - reach, high: centre + reach, values: n };
}
