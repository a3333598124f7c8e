import { describe, expect, test } from 'vitest';
import { fewestPointsForCut, warmUpCut } from '../../bench/analysis/warm-up-cut.ts';
import fixtures from './fixtures/gate-statistics.json' with { type: 'json' };
import { gaussian, mulberry32 } from './journal-builder.ts';

describe('the cut after the warm-up', () => {
  test.each(fixtures.warmUpCut)(
    'is where NumPy finds the smallest error, $points points',
    ({ series, points, steady }) => {
      expect(warmUpCut(series)).toEqual({ points, steady });
    },
  );

  test('leaves a steady series whole and cuts a warm-up off', () => {
    const random = mulberry32(3);
    const series = (settled: (t: number) => number): readonly number[] =>
      Array.from({ length: 200 }, (_, t) => settled(t) + gaussian(random) * 0.3);
    expect(warmUpCut(series(() => 7))).toMatchObject({ steady: true });
    expect(warmUpCut(series((t) => (t < 40 ? 3 : 0)))).toEqual({ points: 40, steady: true });
    expect(warmUpCut(series((t) => t / 20))?.steady).toBe(false);
  });

  test('knows neither scale nor level', () => {
    for (const { series, points } of fixtures.warmUpCut) {
      expect(warmUpCut(series.map((value) => 8 * value - 1024))?.points).toBe(points);
    }
  });

  test('takes few steady series for unsteady ones, as many as the docstring says', () => {
    const random = mulberry32(11);
    const share = (points: number): number => {
      const flagged = Array.from({ length: 1000 }, () =>
        warmUpCut(Array.from({ length: points }, () => gaussian(random))),
      ).filter((cut) => cut?.steady === false);
      return flagged.length / 1000;
    };
    expect(share(120)).toBeLessThan(0.07);
    expect(share(240)).toBeLessThan(0.02);
  });

  test('needs enough points to mean anything', () => {
    expect(warmUpCut(Array<number>(fewestPointsForCut - 1).fill(1))).toBeNull();
    expect(warmUpCut(Array<number>(fewestPointsForCut).fill(1))).toEqual({ points: 0, steady: true });
  });
});
