import { describe, expect, test } from 'vitest';
import { binomialProbabilities } from '../../bench/analysis/binomial.ts';
import { medianInterval } from '../../bench/analysis/median.ts';
import { quantileRanks } from '../../bench/analysis/order-statistics.ts';
import fixtures from './fixtures/gate-statistics.json' with { type: 'json' };
import { mulberry32 } from './journal-builder.ts';

describe('ranks that enclose a quantile', () => {
  test.each(fixtures.quantileRanks)(
    'of $n values, quantile $quantile at $confidence, are those of SciPy',
    (fixture) => {
      const { n, quantile, confidence, ranks } = fixture;
      const found = quantileRanks(n, quantile, confidence);
      if (ranks === null) expect(found).toBeNull();
      else {
        expect(found).toMatchObject({ low: ranks.low, high: ranks.high });
        expect(found?.confidence).toBeCloseTo(ranks.confidence, 9);
      }
    },
  );

  test('cover the median as often as they say', () => {
    const random = mulberry32(5);
    const rounds = 4000;
    let covered = 0;
    for (let round = 0; round < rounds; round += 1) {
      const interval = medianInterval(Array.from({ length: 9 }, () => random() ** 3));
      if (interval !== null && interval.low <= 0.125 && interval.high >= 0.125) covered += 1;
    }
    // 96.1 %: ranks 2 and 8 of 9. Five standard errors.
    expect(Math.abs(covered / rounds - 0.9609375)).toBeLessThan(5 * Math.sqrt(0.0375 / rounds));
  });
});

test.each(fixtures.binomial)('binomial probabilities of $trials trials are those of SciPy', (fixture) => {
  const probabilities = binomialProbabilities(fixture.trials, fixture.probability);
  fixture.at.forEach((k, index) => {
    const expected = fixture.probabilities[index] ?? Number.NaN;
    expect((probabilities[k] ?? 0) / expected).toBeCloseTo(1, 9);
  });
  expect(probabilities.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 9);
});

test('what is certain needs no logarithm', () => {
  expect(binomialProbabilities(3, 0)).toEqual([1, 0, 0, 0]);
  expect(binomialProbabilities(2, 1)).toEqual([0, 0, 1]);
});
