import { expect, test } from 'vitest';
import { randomStream } from '../../bench/load/random.ts';
import { createZipf } from '../../bench/load/zipf.ts';

const draws = 200_000;

test.each([
  [1, 0.99],
  [2, 1],
  [10, 0],
  [50, 0.5],
  [1000, 0.99],
  [1000, 1],
  [300, 1.2],
  [100, 3],
])('%i ranks, exponent %d: frequencies fit the theoretical distribution (chi-squared)', (count, exponent) => {
  const draw = createZipf(count, exponent, randomStream(1, count));
  const observed = new Array<number>(count + 1).fill(0);
  for (let index = 0; index < draws; index += 1) {
    const rank = draw();
    observed[rank] = (observed[rank] ?? Number.NaN) + 1;
  }
  const weights = Array.from({ length: count }, (_, index) => (index + 1) ** -exponent);
  const total = weights.reduce((sum, weight) => sum + weight, 0);

  // Ranks are pooled until each cell expects at least 20 draws, or the statistic is not chi-squared.
  let statistic = 0;
  let cells = 0;
  let seen = 0;
  let expected = 0;
  let counted = 0;
  weights.forEach((weight, index) => {
    seen += observed[index + 1] ?? 0;
    expected += (draws * weight) / total;
    if (expected < 20 && index < count - 1) return;
    statistic += (seen - expected) ** 2 / expected;
    cells += 1;
    counted += seen;
    seen = 0;
    expected = 0;
  });
  expect(counted).toBe(draws);
  const freedom = cells - 1;
  // Mean and 5 standard deviations of chi-squared; the seed is fixed, so this cannot flicker.
  expect(statistic).toBeLessThanOrEqual(freedom + 5 * Math.sqrt(2 * freedom));
});

test('a billion ranks need no table', () => {
  const draw = createZipf(1_000_000_000, 0.99, randomStream(5));
  const ranks = Array.from({ length: 10_000 }, draw);
  expect(Math.min(...ranks)).toBe(1);
  expect(Math.max(...ranks)).toBeGreaterThan(1_000_000);
  expect(ranks.every((rank) => Number.isInteger(rank) && rank >= 1 && rank <= 1_000_000_000)).toBe(true);
});
