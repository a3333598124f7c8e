import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSampleBuckets } from '../../bench/analysis/sample-buckets.ts';

const instant = (atMs: number, value: number) => ({ fromMs: atMs, toMs: atMs, value });

describe('sample buckets', () => {
  test('never give more points than asked for, in the order of time, and keep the largest value', () => {
    const samples = fc.array(
      fc.record({ atMs: fc.integer({ min: 0, max: 3_600_000 }), value: fc.integer({ min: 0, max: 1000 }) }),
      { minLength: 1, maxLength: 200 },
    );
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 20 }), (all, capacity) => {
        const buckets = createSampleBuckets(0, capacity, 'max');
        for (const { atMs, value } of all) buckets.add(instant(atMs, value));
        const points = buckets.points();
        expect(points.length).toBeLessThanOrEqual(capacity);
        expect(Math.max(...points.map(({ value }) => value))).toBe(
          Math.max(...all.map(({ value }) => value)),
        );
        expect(points.map(({ atMs }) => atMs)).toEqual(points.map(({ atMs }) => atMs).sort((a, b) => a - b));
      }),
      { seed: 1 },
    );
  });

  test('weigh a mean by the time that each sample lasted', () => {
    const buckets = createSampleBuckets(0, 1, 'mean');
    buckets.add({ fromMs: 0, toMs: 300, value: 10 });
    buckets.add({ fromMs: 300, toMs: 400, value: 50 });
    expect(buckets.points()).toEqual([{ atMs: 200, value: 20 }]);
  });

  test('keep a mean whatever their number, however late it becomes known that they do not suffice', () => {
    const points = [1, 4, 64].map((capacity) => {
      const buckets = createSampleBuckets(0, capacity, 'mean');
      for (let index = 0; index < 64; index += 1)
        buckets.add({ fromMs: index * 250, toMs: (index + 1) * 250, value: index });
      return buckets.points();
    });
    expect(points.map(({ length }) => length)).toEqual([1, 4, 64]);
    for (const some of points)
      expect(some.reduce((sum, { value }) => sum + value, 0) / some.length).toBeCloseTo(31.5, 9);
  });
});
