import { studentT, studentTQuantile } from './student-t.ts';

/** With fewer stored values the interval is so wide that it finds nothing. */
export const fewestForPrediction = 10;

/** Where the next value of a series is to be expected. */
export interface Prediction {
  readonly centre: number;
  /** Standard error of (next value - centre). */
  readonly error: number;
  readonly degreesOfFreedom: number;
}

/**
 * Mean of the values and spread of a next one about it: s sqrt(1 + 1/n), with Student's t of n - 1 degrees of
 * freedom. Assumes independent values of one normal distribution; for log-ratios of a candidate against an
 * anchor build that is measured in the same session that is plausible, for raw figures of different days it is
 * not. Source: Hahn & Meeker, Statistical Intervals, section 4.8 (to contain a single future observation).
 * @returns null for fewer than {@link fewestForPrediction} values, and for values without any spread
 */
export function predict(values: readonly number[]): Prediction | null {
  const n = values.length;
  if (n < fewestForPrediction || Math.min(...values) === Math.max(...values)) return null;
  const centre = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (n - 1);
  return { centre, error: Math.sqrt(variance * (1 + 1 / n)), degreesOfFreedom: n - 1 };
}

/** Interval that contains the next value with the given probability, two-sided. */
export function predictionInterval(
  { centre, error, degreesOfFreedom }: Prediction,
  confidence = 0.99,
): { readonly low: number; readonly high: number } {
  const reach = studentTQuantile((1 + confidence) / 2, degreesOfFreedom) * error;
  return { low: centre - reach, high: centre + reach };
}

/** How often a next value would be `value` or more, if nothing had changed. */
export function predictionP({ centre, error, degreesOfFreedom }: Prediction, value: number): number {
  return studentT((centre - value) / error, degreesOfFreedom);
}
