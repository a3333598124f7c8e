import { expect, test } from 'vitest';
import { bytes, ms, share } from '../../bench/operations/quantities.ts';

test('bytes in powers of 1024', () => {
  expect([0, 812, 1024, 16 * 1024 * 1024, 5 * 1024 ** 3].map(bytes)).toEqual([
    '0 B',
    '812 B',
    '1.0 kB',
    '16 MB',
    '5.0 GB',
  ]);
});

test('milliseconds, and seconds above one', () => {
  expect([0, 0.44, 12.4, 999, 5_400].map(ms)).toEqual(['0.0 ms', '0.4 ms', '12 ms', '999 ms', '5.4 s']);
});

test('a share of nothing is no number', () => {
  expect([share(1, 2), share(0, 0)]).toEqual(['50.0 %', '–']);
});
