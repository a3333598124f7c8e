/** Something observed over an interval of time, or at an instant when both ends are the same. */
export interface Sample {
  readonly fromMs: number;
  readonly toMs: number;
  readonly value: number;
}

/** How the samples of a bucket become one: by the time they lasted, or the largest of them. */
export type Combine = 'mean' | 'max';

export interface SampleBuckets {
  /** In any order, none before the origin. */
  add(sample: Sample): void;
  /** One point a bucket that has any samples, ascending, in the middle of what it has. */
  points(): readonly { readonly atMs: number; readonly value: number }[];
}

interface Bucket {
  readonly weight: number;
  readonly weightedValue: number;
  readonly weightedTime: number;
  readonly max: number;
}

/**
 * At most `capacity` points for as many samples as come: when time outgrows them, two neighbours become one
 * and all are twice as wide. Nothing is left out, so a single peak survives under `max`.
 */
export function createSampleBuckets(
  originMs: number,
  capacity: number,
  combine: Combine,
  firstWidthMs = 250,
): SampleBuckets {
  let widthMs = firstWidthMs;
  let buckets: (Bucket | undefined)[] = [];
  const widen = (): void => {
    widthMs *= 2;
    buckets = Array.from({ length: Math.ceil(buckets.length / 2) }, (_, index) =>
      join(buckets[2 * index], buckets[2 * index + 1]),
    );
  };
  return {
    add({ fromMs, toMs, value }) {
      const middleMs = (fromMs + toMs) / 2;
      const place = (): number => Math.max(0, Math.floor((middleMs - originMs) / widthMs));
      while (place() >= capacity) widen();
      // An instant weighs as much as any other instant.
      const weight = toMs > fromMs ? toMs - fromMs : 1;
      const own = { weight, weightedValue: weight * value, weightedTime: weight * middleMs, max: value };
      buckets[place()] = join(buckets[place()], own);
    },
    points: () =>
      buckets.flatMap((bucket) =>
        bucket === undefined
          ? []
          : [
              {
                atMs: bucket.weightedTime / bucket.weight,
                value: combine === 'max' ? bucket.max : bucket.weightedValue / bucket.weight,
              },
            ],
      ),
  };
}

function join(one: Bucket | undefined, other: Bucket | undefined): Bucket | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    weight: one.weight + other.weight,
    weightedValue: one.weightedValue + other.weightedValue,
    weightedTime: one.weightedTime + other.weightedTime,
    max: Math.max(one.max, other.max),
  };
}
