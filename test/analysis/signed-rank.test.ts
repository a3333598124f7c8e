import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rankSumInterval } from '../../bench/analysis/rank-sum.ts';
import { type Interval, signedRankInterval } from '../../bench/analysis/signed-rank.ts';
import fixtures from './fixtures/rank-intervals.json' with { type: 'json' };

// Multiples of 1/1024: sums and halves of them are exact, so that equalities are equalities.
const values = fc.array(
  fc.integer({ min: -5000, max: 5000 }).map((value) => value / 1024),
  { minLength: 2, maxLength: 14 },
);

describe('the signed-rank interval', () => {
  test.each(fixtures.signedRank)('agrees with the inverted exact test of SciPy, $confidence', (fixture) => {
    expectInterval(signedRankInterval(fixture.values), fixture);
  });

  test('covers what it says it covers: enumeration of all sign flips', () => {
    // Symmetric about zero by construction; magnitudes in general position, no ties among the sums.
    const magnitudes = [1.01, 2.03, 4.09, 8.17, 16.37, 32.71, 65.43, 131.01, 262.07, 524.21];
    for (let n = 2; n <= magnitudes.length; n += 1) {
      const used = magnitudes.slice(0, n);
      const covered = allSigns(n).filter((signs) => {
        const interval = signedRankInterval(used.map((magnitude, index) => magnitude * (signs[index] ?? 1)));
        return interval !== null && (interval.low ?? 1) <= 0 && (interval.high ?? -1) >= 0;
      }).length;
      const confidence = signedRankInterval(used)?.confidence;
      expect(covered / 2 ** n, `n = ${n}`).toBeCloseTo(confidence ?? Number.NaN, 12);
    }
  });

  test.each([
    [2, 0.5],
    [3, 0.75],
    [5, 0.9375],
    [6, 0.96875],
  ])('is the widest there is for n = %i, and says that it covers %d', (n, confidence) => {
    const given = Array.from({ length: n }, (_, index) => index * index);
    expect(signedRankInterval(given)).toMatchObject({ low: 0, high: (n - 1) ** 2, confidence });
  });

  test('is the narrowest that still covers: one order statistic more falls below the asked confidence', () => {
    // From the table of the null distribution for n = 10: P(W <= 8) = 0.0244, P(W <= 9) = 0.0322.
    const interval = signedRankInterval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(interval).toEqual({ estimate: 5.5, low: 3, high: 8, confidence: 1 - 2 * (25 / 1024) });
  });

  test('has none for one value, and nothing for none', () => {
    expect(signedRankInterval([3])).toEqual({ estimate: 3, low: null, high: null, confidence: null });
    expect(signedRankInterval([])).toBeNull();
  });

  test('contains its estimate', () => {
    fc.assert(
      fc.property(values, (given) => {
        const { estimate, low, high } = required(signedRankInterval(given));
        expect(low).toBeLessThanOrEqual(estimate);
        expect(high).toBeGreaterThanOrEqual(estimate);
      }),
    );
  });

  test('moves and scales with the values', () => {
    fc.assert(
      fc.property(
        values,
        fc.integer({ min: -64, max: 64 }),
        fc.constantFrom(0.5, 2, 4),
        (given, by, times) => {
          const plain = required(signedRankInterval(given));
          const changed = required(signedRankInterval(given.map((value) => value * times + by)));
          expect(changed.estimate).toBe(plain.estimate * times + by);
          expect(changed.low).toBe((plain.low ?? 0) * times + by);
          expect(changed.high).toBe((plain.high ?? 0) * times + by);
        },
      ),
    );
  });

  test('turns round with the signs, and does not depend on the order', () => {
    fc.assert(
      fc.property(values, (given) => {
        const plain = required(signedRankInterval(given));
        const turned = required(signedRankInterval(given.toReversed().map((value) => 0 - value)));
        expect(turned.estimate + plain.estimate).toBe(0);
        expect((turned.low ?? 0) + (plain.high ?? 0)).toBe(0);
        expect(turned.confidence).toBe(plain.confidence);
      }),
    );
  });

  test('bears a hundred blocks', () => {
    const many = Array.from({ length: 100 }, (_, index) => index);
    const { estimate, low, confidence } = required(signedRankInterval(many));
    expect(estimate).toBe(49.5);
    expect(low).toBeGreaterThan(35);
    expect(confidence).toBeGreaterThanOrEqual(0.95);
    expect(confidence).toBeLessThan(0.951);
  });
});

describe('the rank-sum interval', () => {
  test.each(fixtures.rankSum)('agrees with the inverted exact test of SciPy, $confidence', (fixture) => {
    expectInterval(rankSumInterval(fixture.before, fixture.after), fixture);
  });

  test('covers what it says it covers: enumeration of all splits', () => {
    const pool = [1.01, 2.03, 4.09, 8.17, 16.37, 32.71, 65.43, 131.01, 262.07];
    for (const m of [2, 4, 5]) {
      const splits = subsets(pool, m);
      const intervals = splits.map((before) =>
        required(
          rankSumInterval(
            before,
            pool.filter((value) => !before.includes(value)),
          ),
        ),
      );
      const covered = intervals.filter(({ low, high }) => (low ?? 1) <= 0 && (high ?? -1) >= 0).length;
      expect(covered / splits.length, `m = ${m}`).toBeCloseTo(intervals[0]?.confidence ?? Number.NaN, 12);
    }
  });

  test('has nothing to say when one side is empty', () => {
    expect(rankSumInterval([], [1])).toBeNull();
    expect(rankSumInterval([1], [])).toBeNull();
  });
});

function expectInterval(measured: Interval | null, expected: Interval): void {
  expect(measured?.estimate).toBeCloseTo(expected.estimate, 9);
  expect(measured?.low).toBeCloseTo(expected.low ?? Number.NaN, 9);
  expect(measured?.high).toBeCloseTo(expected.high ?? Number.NaN, 9);
  expect(measured?.confidence).toBeCloseTo(expected.confidence ?? Number.NaN, 9);
}

function allSigns(n: number): readonly (readonly number[])[] {
  return Array.from({ length: 2 ** n }, (_, bits) =>
    Array.from({ length: n }, (_, index) => ((bits >> index) & 1) * 2 - 1),
  );
}

function subsets(pool: readonly number[], size: number): readonly (readonly number[])[] {
  if (size === 0) return [[]];
  return pool.flatMap((value, index) =>
    subsets(pool.slice(index + 1), size - 1).map((rest) => [value, ...rest]),
  );
}

function required(interval: Interval | null): Interval {
  if (interval === null) throw new Error('expected an interval');
  return interval;
}
