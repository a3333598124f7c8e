import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { linearScale, logScale } from '../../../bench/report/charts/scale.ts';

const values = fc.array(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), { maxLength: 20 });
const inside = (pixels: number, [from, to]: readonly [number, number]): boolean =>
  pixels >= Math.min(from, to) - 1e-6 && pixels <= Math.max(from, to) + 1e-6;

describe('scales', () => {
  test('put every value and every tick on the paper, in order, whatever the data', () => {
    fc.assert(
      fc.property(values, fc.boolean(), (data, logarithmic) => {
        const range = [200, 20] as const;
        const scale = logarithmic ? logScale(data, range) : linearScale(data, range);
        for (const value of [...data, ...scale.ticks]) expect(inside(scale.at(value), range)).toBe(true);
        const sorted = [...data].sort((a, b) => a - b).map(scale.at);
        for (const [index, pixels] of sorted.entries())
          expect(pixels).toBeLessThanOrEqual((sorted[index - 1] ?? Number.POSITIVE_INFINITY) + 1e-9);
        expect(scale.ticks.length).toBeGreaterThan(0);
        expect(scale.ticks.length).toBeLessThan(14);
      }),
      { seed: 1 },
    );
  });

  test('a linear one begins at zero and ends at a round value', () => {
    const scale = linearScale([3, 7.2], [100, 0], 4);
    expect(scale.ticks).toEqual([0, 2, 4, 6, 8]);
    expect([scale.at(0), scale.at(4), scale.at(8)]).toEqual([100, 50, 0]);
    expect(linearScale([0.27], [0, 1], 3).ticks).toEqual([0, 0.1, 0.2, 0.3]);
    expect(linearScale([], [0, 1]).ticks.at(-1)).toBeGreaterThan(0);
  });

  test('a logarithmic one gives the same length to the same ratio', () => {
    const scale = logScale([1, 1000], [0, 300]);
    expect(scale.at(10) - scale.at(1)).toBeCloseTo(scale.at(1000) - scale.at(100), 9);
    expect(scale.ticks).toContain(1);
    expect(scale.ticks).toContain(1000);
  });

  test('a logarithmic one draws what is below its floor, zero included, at the bottom', () => {
    const scale = logScale([0, 0.2, 80], [100, 0], 1);
    expect(scale.at(0)).toBe(100);
    expect(scale.at(0.2)).toBe(100);
    expect(scale.at(80)).toBeLessThan(10);
    expect(Math.min(...scale.ticks)).toBeGreaterThanOrEqual(1);
  });

  test('values that are all alike are in the middle', () => {
    expect(logScale([5, 5], [0, 100]).at(5)).toBeCloseTo(50, 6);
  });
});
