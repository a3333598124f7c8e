import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signedRankInterval } from '../../bench/analysis/signed-rank.ts';
import { signedRankP } from '../../bench/analysis/signed-rank-p.ts';
import fixtures from './fixtures/gate-statistics.json' with { type: 'json' };

const above = { centre: 0, alternative: 'greater' } as const;
const below = { centre: 0, alternative: 'less' } as const;

// Multiples of 1/1024, many of them tied: sums and doubles of them are exact.
const values = fc.array(
  fc.integer({ min: -40, max: 40 }).map((value) => value / 1024),
  { minLength: 1, maxLength: 16 },
);
/** No two equally far from anything below: each is more than the sum of all before it. */
const generalPosition = fc
  .integer({ min: 2, max: 12 })
  .chain((n) =>
    fc
      .array(fc.boolean(), { minLength: n, maxLength: n })
      .map((signs) => signs.map((positive, index) => (positive ? 1 : -1) * 3 ** index)),
  );

describe('the signed-rank p', () => {
  test.each(fixtures.signedRank)(
    'agrees with the exact test of SciPy, $values.length values at $centre',
    (fixture) => {
      expectBoth(fixture);
    },
  );

  test.each(fixtures.signedRankTied)(
    'agrees with all permutations of signs where values are tied, at $centre',
    (fixture) => {
      expectBoth(fixture);
    },
  );

  test.each([
    [[1, 2, 3, 4, 5, 6, 7, 8], 1 / 256],
    [[-1, 2, 3, 4, 5, 6, 7, 8], 2 / 256],
    [[1, 2, -3, 4, 5, 6, 7, 8], 5 / 256],
    // Three tied: of the 8 choices of signs one gives as much.
    [[1, 1, 1], 1 / 8],
    // A zero has a rank, but no sign: 2 of 4 choices reach the seen sum of 3.
    [[0, -2, 3], 2 / 4],
    [[0, 0], 1],
    [[], 1],
  ])('of %j above zero is %d', (given, p) => {
    expect(signedRankP(given, above)).toBeCloseTo(p, 14);
  });

  test('is a probability, and the two sides share what lies between them', () => {
    fc.assert(
      fc.property(values, (given) => {
        const [high, low] = [signedRankP(given, above), signedRankP(given, below)];
        for (const p of [high, low]) {
          expect(p).toBeGreaterThan(0);
          expect(p).toBeLessThanOrEqual(1);
        }
        // Both count the seen sum itself.
        expect(high + low).toBeGreaterThan(1);
      }),
    );
  });

  test('turns round with the signs, and knows neither order nor scale', () => {
    fc.assert(
      fc.property(values, fc.constantFrom(0.25, 2, 16), (given, times) => {
        const p = signedRankP(given, above);
        expect(
          signedRankP(
            given.map((value) => -value),
            below,
          ),
        ).toBe(p);
        expect(signedRankP(given.toReversed(), above)).toBe(p);
        expect(
          signedRankP(
            given.map((value) => value * times),
            above,
          ),
        ).toBe(p);
      }),
    );
  });

  test('moves with the values: a shifted null is the null of shifted values', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: -64, max: 64 }), (given, steps) => {
        const centre = steps / 1024;
        expect(signedRankP(given, { centre, alternative: 'less' })).toBe(
          signedRankP(
            given.map((value) => value - centre),
            below,
          ),
        );
      }),
    );
  });

  test('never grows when a value moves up, and never falls as the centre does', () => {
    fc.assert(
      fc.property(generalPosition, fc.nat(), (given, at) => {
        const index = at % given.length;
        const raised = given.map((value, other) => (other === index ? value + 3 ** 13 + 0.5 : value));
        expect(signedRankP(raised, above)).toBeLessThanOrEqual(signedRankP(given, above));
        const centres = [-9.5, -3.25, -0.5, 0.25, 1.5, 40.25];
        const ps = centres.map((centre) => signedRankP(given, { centre, alternative: 'greater' }));
        expect(ps).toEqual(ps.toSorted((a, b) => a - b));
      }),
    );
  });

  test('holds its level: over all signs of any values, p <= alpha happens with alpha at most', () => {
    for (const sizes of [
      [1, 2, 3, 4, 5, 6, 7, 8],
      [1, 1, 1, 2, 2, 3, 3, 3],
      [0, 0, 1, 1, 2, 5, 5, 9],
    ]) {
      const ps = allSigns(sizes).map((given) => signedRankP(given, above));
      for (const alpha of [0.004, 0.0167, 0.05, 0.2, 0.5]) {
        const share = ps.filter((p) => p <= alpha).length / ps.length;
        expect(share, `${sizes} at ${alpha}`).toBeLessThanOrEqual(alpha);
      }
    }
  });

  test('rejects exactly the centres outside the interval', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -5000, max: 5000 }), { minLength: 8, maxLength: 20 }),
        (whole) => {
          // Different fractions keep averages of pairs apart, and from the centres that are tried.
          const given = whole.map((value, index) => value + 2 ** -(index + 2));
          const confidence = 1 - 0.1 / 3;
          const { low, high } = signedRankInterval(given, confidence) ?? {};
          const alpha = (1 - confidence) / 2;
          for (const off of [-(2 ** -30), 2 ** -30]) {
            const p = signedRankP(given, { centre: (high ?? 0) + off, alternative: 'less' });
            expect(p <= alpha).toBe(off > 0);
            const q = signedRankP(given, { centre: (low ?? 0) + off, alternative: 'greater' });
            expect(q <= alpha).toBe(off < 0);
          }
        },
      ),
    );
  });
});

test.each(fixtures.interval)(
  'the interval at $confidence is that of the inverted tests of SciPy',
  (fixture) => {
    const interval = signedRankInterval(fixture.values, fixture.confidence);
    expect(interval?.low).toBeCloseTo(fixture.low, 9);
    expect(interval?.high).toBeCloseTo(fixture.high, 9);
  },
);

function expectBoth({ values, centre, greater, less }: (typeof fixtures.signedRank)[number]): void {
  expect(signedRankP(values, { centre, alternative: 'greater' })).toBeCloseTo(greater, 12);
  expect(signedRankP(values, { centre, alternative: 'less' })).toBeCloseTo(less, 12);
}

function allSigns(sizes: readonly number[]): readonly (readonly number[])[] {
  return Array.from({ length: 2 ** sizes.length }, (_, bits) =>
    sizes.map((size, index) => size * (((bits >> index) & 1) * 2 - 1)),
  );
}
