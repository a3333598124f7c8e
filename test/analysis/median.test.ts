import { describe, expect, test } from 'vitest';
import { median, medianInterval } from '../../bench/analysis/median.ts';

describe('the median', () => {
  test.each([
    [[3], 3],
    [[4, 1], 2.5],
    [[9, 1, 5], 5],
    [[4, 3, 1, 2], 2.5],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  test('of nothing is nothing', () => {
    expect(median([])).toBeNull();
  });
});

describe('the interval of the median', () => {
  test('does not exist below six values', () => {
    expect(medianInterval([1, 2, 3, 4, 5])).toBeNull();
    expect(medianInterval([])).toBeNull();
  });

  // Conover's table: ranks of the 95 % interval.
  test.each([
    [6, 1, 6],
    [8, 1, 8],
    [9, 2, 8],
    [11, 2, 10],
    [12, 3, 10],
    [20, 6, 15],
    [30, 10, 21],
  ])('of %i values goes from rank %i to %i', (n, low, high) => {
    const values = Array.from({ length: n }, (_, index) => n - index);
    expect(medianInterval(values)).toMatchObject({ low, high });
  });
});
