import { describe, expect, test } from 'vitest';
import {
  formatChange,
  formatChangeInterval,
  formatConfidence,
  formatCount,
  formatNumber,
  formatPlural,
  formatShare,
} from '../../bench/report/numbers.ts';

describe('a number in a report', () => {
  test.each([
    [0, '0'],
    [12_034, '12,000'],
    [1_234_567, '1,230,000'],
    [999.6, '1,000'],
    [5012.3, '5,010'],
    [97.04, '97.0'],
    [9.996, '10.0'],
    [0.04234, '0.0423'],
    [-2.4949, '\u22122.49'],
    [null, '–'],
    [Number.NaN, '–'],
  ])('%d has three significant digits: %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  test.each([
    [2.39, '+139 %'],
    [0.53, '\u221247 %'],
    [1.034, '+3.4 %'],
    [0.9996, '0 %'],
    [1.0996, '+10 %'],
    [25, '+2,400 %'],
    [null, '–'],
  ])('the ratio %d is the signed change %s', (ratio, text) => {
    expect(formatChange(ratio)).toBe(text);
  });

  test('an interval is signed on both sides, and absent when one is', () => {
    expect(formatChangeInterval(0.96, 1.31)).toBe('[\u22124.0 to +31]');
    expect(formatChangeInterval(null, 1.31)).toBe('');
  });

  test.each([
    [0, '0 %'],
    [0.00001, '< 0.01 %'],
    [0.0042, '0.42 %'],
    [0.034, '3.4 %'],
    [0.5, '50 %'],
    [null, '–'],
  ])('the share %d is %s', (share, text) => {
    expect(formatShare(share)).toBe(text);
  });

  test.each([
    [0.96875, '96.9 %'],
    [0.5, '50 %'],
    [0.9375, '93.8 %'],
  ])('the confidence %d is %s', (confidence, text) => {
    expect(formatConfidence(confidence)).toBe(text);
  });

  test('a count is exact, with its noun', () => {
    expect(formatCount(1_234_567)).toBe('1,234,567');
    expect(formatPlural(1, 'block')).toBe('1 block');
    expect(formatPlural(6, 'block')).toBe('6 blocks');
  });
});
