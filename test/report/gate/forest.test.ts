import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { forestLines, forestRow } from '../../../bench/report/gate/forest.ts';
import { failedRow, missingRow, openRow, passedRow } from './gate-run.ts';

const limits = { minEffect: 0.03, tolerance: 0.1 };
const draw = (low: number, effect: number, high: number): string =>
  forestRow({ ...limits, low, effect, high });

describe('a row of the forest', () => {
  test('shows estimate and interval between no change and the tolerance', () => {
    expect(draw(-0.02, 0.012, 0.041)).toBe('        ├─┼●──┤     ║          ');
    expect(draw(0.12, 0.15, 0.18)).toBe('          │  :      ║ ├──●──┤  ');
    expect(draw(-0.05, 0.05, 0.15)).toBe('     ├────┼────●────╫────┤     ');
  });

  test('goes on beyond the edges', () => {
    expect(draw(-9, 0.02, 9)).toBe('◄─────────┼─●───────╫─────────►');
    expect(draw(40, 49, 52)).toBe('          │  :      ║        ●►');
    expect(draw(-0.9, -0.8, -0.7)).toBe('◄●        │  :      ║          ');
  });

  test('of what was not measured shows the marks alone', () => {
    expect(forestRow(missingRow)).toBe('          │    :    ║          ');
    expect(forestRow({ ...limits, low: null, high: null, effect: 0.05 })).toBe(
      '          │  : ●    ║          ',
    );
  });

  test('never says the opposite of its numbers', () => {
    const share = fc.double({ min: -0.5, max: 0.5, noNaN: true });
    fc.assert(
      fc.property(
        fc.tuple(share, share, share),
        fc.double({ min: 0.01, max: 0.3, noNaN: true }),
        (three, tolerance) => {
          const [low = 0, effect = 0, high = 0] = three.toSorted((a, b) => a - b);
          const row = forestRow({ low, effect, high, tolerance, minEffect: tolerance / 2 });
          expect(row).toHaveLength(31);
          const dot = row.indexOf('●');
          // Left of the zero line is better, from the tolerance on is a regression that must not pass.
          expect(dot < 10).toBe(effect < 0);
          expect(dot >= 20).toBe(effect >= tolerance);
          const last = row.search(/[┤►]/);
          if (last >= 0) expect(last >= 20).toBe(high >= tolerance);
          const first = row.search(/[├◄]/);
          if (first >= 0) expect(first <= 10).toBe(low <= 0);
        },
      ),
      { numRuns: 300, seed: 6 },
    );
  });
});

test('the rows of a forest stand below each other, and no line ends with a space', () => {
  const lines = forestLines({ rows: [failedRow, passedRow, openRow] });
  const zero = lines.slice(1).map((line) => line.search(/[│┼]/));
  expect(new Set(zero)).toEqual(new Set(['app.cpuMsPerRequest  '.length + 10]));
  for (const line of lines) expect(line).toBe(line.trimEnd());
  expect(lines[0]).toMatch(/ better +worse$/);
  expect(forestLines({ rows: [] })).toEqual([]);
});
