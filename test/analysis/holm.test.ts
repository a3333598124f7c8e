import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { holm } from '../../bench/analysis/holm.ts';
import fixtures from './fixtures/gate-statistics.json' with { type: 'json' };

const ps = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 });

describe("Holm's correction", () => {
  test.each(fixtures.holm)('of $p is that of the closed test', ({ p, adjusted }) => {
    const ours = holm(p);
    expect(ours).toHaveLength(p.length);
    adjusted.forEach((expected, index) => {
      expect(ours[index]).toBeCloseTo(expected, 14);
    });
  });

  test('lies between the p itself and that of Bonferroni, and keeps their order', () => {
    fc.assert(
      fc.property(ps, (given) => {
        const adjusted = holm(given);
        given.forEach((p, index) => {
          expect(adjusted[index]).toBeGreaterThanOrEqual(p);
          expect(adjusted[index]).toBeLessThanOrEqual(Math.min(1, given.length * p) + Number.EPSILON);
          given.forEach((other, at) => {
            if (p < other) expect(adjusted[index]).toBeLessThanOrEqual(adjusted[at] ?? 0);
          });
        });
      }),
    );
  });

  test('does not depend on the order in which they are given', () => {
    fc.assert(
      fc.property(ps, (given) => {
        expect(holm(given.toReversed())).toEqual(holm(given).toReversed());
      }),
    );
  });

  test('of none is none', () => {
    expect(holm([])).toEqual([]);
  });
});
