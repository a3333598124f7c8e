import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeHistograms, quantilesMs } from '../../bench/analysis/latency.ts';
import { createCurveFold, curveQuantiles, type LatencyCurve } from '../../bench/analysis/percentile-curve.ts';
import type { JournalEntry } from '../../bench/model.ts';
import { foldJournal } from './fold-journal.ts';
import { inTwoParts } from './in-two-parts.ts';
import { buildJournal, buildLoad, buildOperation, encodeHistogram } from './journal-builder.ts';

const curvesOf = (entries: Iterable<JournalEntry>): readonly LatencyCurve[] => {
  const fold = createCurveFold();
  for (const entry of entries) fold.add(entry);
  return fold.result();
};
const at = (quantile: number): number => curveQuantiles.indexOf(quantile);
const steadyEnd = (block: number, microseconds: readonly number[], arm = 'baseline'): JournalEntry => ({
  type: 'slice-end',
  atMs: 0,
  arm,
  block,
  kind: 'steady',
  offeredRateHz: 100,
  load: buildLoad({
    operations: [buildOperation({ class: 'read', responseTime: encodeHistogram(microseconds) })],
  }),
});

describe('many quantiles at once', () => {
  test('are those that the library finds one at a time', () => {
    const values = fc.array(fc.integer({ min: 1, max: 60_000_000 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(values, (microseconds) => {
        const histogram = mergeHistograms([encodeHistogram(microseconds)]);
        const expected = curveQuantiles.map(
          (quantile) => Math.min(histogram.getValueAtPercentile(quantile * 100), histogram.maxValue) / 1000,
        );
        expect(quantilesMs(histogram, curveQuantiles)).toEqual(expected);
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  test('of nothing are none', () => {
    expect(quantilesMs(mergeHistograms([]), [0.5])).toEqual([]);
  });
});

describe('percentile curves', () => {
  const journal = buildJournal({ blocks: 3 });
  const curves = curvesOf(journal);

  test('are of all parts of a slice, as the result is', () => {
    const parts = inTwoParts(journal);
    const arms = foldJournal(parts).arms;
    for (const curve of curvesOf(parts)) {
      const slices = arms.find(({ name }) => name === curve.arm)?.slices ?? [];
      const steady = slices
        .filter(({ kind }) => kind === 'steady')
        .map((slice) => slice[curve.class].responseTime);
      expect(curve.merged.count).toBe(steady.reduce((sum, { count }) => sum + count, 0));
      expect(curve.blocks.map(({ count }) => count)).toEqual(steady.map(({ count }) => count));
      expect(curve.blocks.map(({ ms }) => ms[at(0.95)])).toEqual(steady.map(({ p95Ms }) => p95Ms));
    }
  });

  test('are of each arm and class, and of each block', () => {
    expect(curves.map((curve) => `${curve.arm} ${curve.class}`).sort()).toEqual([
      'baseline read',
      'baseline write',
      'replicated read',
      'replicated write',
    ]);
    for (const curve of curves) expect(curve.blocks.map(({ block }) => block)).toEqual([1, 2, 3]);
  });

  test('of a block go through the quantiles of result.json', () => {
    const result = foldJournal(journal);
    for (const arm of result.arms)
      for (const slice of arm.slices.filter(({ kind }) => kind === 'steady'))
        for (const name of ['read', 'write'] as const) {
          const curve = curves
            .find((found) => found.arm === arm.name && found.class === name)
            ?.blocks.find(({ block }) => block === slice.block);
          const { responseTime } = slice[name];
          expect(curve?.count).toBe(responseTime.count);
          expect(curve?.maxMs).toBe(responseTime.maxMs);
          for (const [quantile, value] of [
            [0.5, responseTime.p50Ms],
            [0.95, responseTime.p95Ms],
            [0.99, responseTime.p99Ms],
          ] as const)
            expect(curve?.ms[at(quantile)], `${arm.name} ${name} ${quantile}`).toBe(value);
        }
  });

  test('are merged from the counts of all blocks, not averaged', () => {
    const fast = Array.from({ length: 990 }, () => 1000);
    const slow = Array.from({ length: 10 }, () => 900_000);
    const [curve] = curvesOf([steadyEnd(1, fast), steadyEnd(2, slow)]);
    expect(curve?.merged.count).toBe(1000);
    expect(curve?.merged.ms[at(0.95)]).toBeCloseTo(1, 1);
    expect(curve?.blocks.map((block) => Math.round(block.ms[at(0.5)] ?? 0))).toEqual([1, 900]);
  });

  test('end where no request would be above', () => {
    const [curve] = curvesOf([
      steadyEnd(
        1,
        Array.from({ length: 100 }, (_, index) => 1000 + index),
      ),
    ]);
    expect(curveQuantiles[(curve?.merged.ms.length ?? 0) - 1]).toBeCloseTo(0.99, 6);
  });

  test('take a slice that was measured again instead of the first', () => {
    const again = curvesOf([steadyEnd(1, [9_000_000]), steadyEnd(2, [2000]), steadyEnd(1, [1000])]);
    expect(again).toEqual(curvesOf([steadyEnd(1, [1000]), steadyEnd(2, [2000])]));
  });

  test('leave out whatever is not steady, and classes without a request', () => {
    const warmUp = steadyEnd(1, [1000]) as Extract<JournalEntry, { type: 'slice-end' }>;
    expect(curvesOf([{ ...warmUp, kind: 'read-saturation' }])).toEqual([]);
    expect(curvesOf([steadyEnd(1, [])])).toEqual([]);
  });
});
