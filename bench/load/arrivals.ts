import type { RateSegment } from '../model.ts';
import type { Random } from './random.ts';

/** Gives the next due time in ms from the stream's origin, ascending; Infinity when there are no more. */
export type Arrivals = () => number;

/**
 * Due times over a piecewise-linear rate, drawn one at a time: memory does not grow with the length.
 *
 * Time is stretched so that the rate becomes 1: with L(t) the expected number of arrivals until t, a
 * Poisson process has its n-th arrival where L(t) is the sum of n unit exponentials (exact for any rate
 * profile: Lewis & Shedler 1979, inversion), a uniform one where L(t) = n - 1/2.
 */
export function createArrivals(options: {
  readonly arrivals: 'poisson' | 'uniform';
  readonly segments: readonly RateSegment[];
  readonly random: Random;
}): Arrivals {
  const { segments, random } = options;
  const poisson = options.arrivals === 'poisson';
  let index = 0;
  let segmentStartMs = 0;
  /** Expected arrivals before the segment, and before the latest arrival. */
  let expectedBefore = 0;
  let expected = poisson ? 0 : -0.5;

  return () => {
    expected += poisson ? -Math.log(1 - random()) : 1;
    for (;;) {
      const segment = segments[index];
      if (segment === undefined) return Number.POSITIVE_INFINITY;
      const inSegment = expected - expectedBefore;
      const total = expectedArrivals(segment);
      if (inSegment < total) return segmentStartMs + timeOfArrival(segment, inSegment);
      index += 1;
      segmentStartMs += segment.durationMs;
      expectedBefore += total;
    }
  };
}

/** Scheduled length of a rate profile. */
export function profileDurationMs(segments: readonly RateSegment[]): number {
  return segments.reduce((sum, segment) => sum + segment.durationMs, 0);
}

function expectedArrivals(segment: RateSegment): number {
  return ((segment.fromHz + segment.toHz) / 2 / 1000) * segment.durationMs;
}

/** Solves a·t + b·t²/2 = count for t, in the form that does not cancel when b is small. */
function timeOfArrival(segment: RateSegment, count: number): number {
  const a = segment.fromHz / 1000;
  const b = (segment.toHz - segment.fromHz) / 1000 / segment.durationMs;
  if (count === 0) return 0;
  return (2 * count) / (a + Math.sqrt(Math.max(0, a * a + 2 * b * count)));
}
