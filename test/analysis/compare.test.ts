import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareMetrics } from '../../bench/analysis/compare.ts';
import type { MetricValues } from '../../bench/analysis/metrics.ts';
import type { ComparisonRow, MetricId } from '../../bench/model.ts';

const interleaved = { interleaved: true };

/** A metric with the given values in blocks 1, 2, ...; null = not measured in that block. */
function metric(id: MetricId, values: readonly (number | null)[]): MetricValues {
  const perBlock = values.flatMap((value, index) => (value === null ? [] : [{ block: index + 1, value }]));
  return {
    [id]: { value: perBlock[0]?.value ?? 0, low: null, high: null, blocks: perBlock.length, perBlock },
  };
}

function compareOne(
  id: MetricId,
  baseline: readonly (number | null)[],
  candidate: readonly (number | null)[],
  options = interleaved,
): ComparisonRow {
  const [row] = compareMetrics(metric(id, baseline), metric(id, candidate), options);
  if (row === undefined) throw new Error('expected a row');
  return row;
}

const rates = fc.array(fc.double({ min: 1, max: 1e4, noNaN: true }), { minLength: 6, maxLength: 12 });
const pairs = rates.chain((baseline) =>
  fc.tuple(
    fc.constant(baseline),
    fc.array(fc.double({ min: 1, max: 1e4, noNaN: true }), {
      minLength: baseline.length,
      maxLength: baseline.length,
    }),
  ),
);

describe('the comparison of two arms', () => {
  test('pairs by block: what both arms share in a block drops out', () => {
    const pace = [1, 0.5, 2, 0.7, 1.3, 0.9];
    const row = compareOne(
      'read.qps',
      pace.map((each) => 1000 * each),
      pace.map((each) => 2400 * each),
    );
    expect(row.ratio).toBeCloseTo(2.4, 10);
    expect(row.ciLow).toBeCloseTo(2.4, 10);
    expect(row.ciHigh).toBeCloseTo(2.4, 10);
    expect(row).toMatchObject({ blocks: 6, confidence: 0.96875, verdict: 'pass' });
  });

  test('uses the blocks that both arms have, and those alone', () => {
    const row = compareOne('read.qps', [10, 10, null, 10, 10], [20, null, 99, 20, 20, 77]);
    expect(row).toMatchObject({ blocks: 3, confidence: 0.75, verdict: 'inconclusive' });
    expect(row.ratio).toBeCloseTo(2, 10);
  });

  test('turned round gives the reciprocal', () => {
    fc.assert(
      fc.property(pairs, ([baseline, candidate]) => {
        const there = compareOne('read.qps', baseline, candidate);
        const back = compareOne('read.qps', candidate, baseline);
        expect((back.ratio ?? 0) * (there.ratio ?? 0)).toBeCloseTo(1, 9);
        expect((back.ciLow ?? 0) * (there.ciHigh ?? 0)).toBeCloseTo(1, 9);
        expect(back.confidence).toBe(there.confidence);
      }),
    );
  });

  test('does not depend on the unit, nor on the order of the blocks', () => {
    fc.assert(
      fc.property(pairs, fc.constantFrom(0.001, 60, 1000), ([baseline, candidate], unit) => {
        const plain = compareOne('read.qps', baseline, candidate);
        const scaled = compareOne(
          'read.qps',
          baseline.map((value) => value * unit).toReversed(),
          candidate.map((value) => value * unit).toReversed(),
        );
        for (const key of ['ratio', 'ciLow', 'ciHigh'] as const) {
          expect((scaled[key] ?? 0) / (plain[key] ?? 1)).toBeCloseTo(1, 9);
        }
      }),
    );
  });

  test('fails only when the whole interval is on the worse side, whichever side that is', () => {
    const steady = [100, 100, 100, 100, 100, 100];
    const lower = [80, 82, 79, 81, 80, 83];
    const mixed = [80, 120, 79, 121, 80, 110];
    expect(compareOne('read.qps', steady, lower).verdict).toBe('fail');
    expect(compareOne('read.p95Ms', steady, lower).verdict).toBe('pass');
    expect(compareOne('read.p95Ms', lower, steady).verdict).toBe('fail');
    expect(compareOne('read.qps', steady, mixed).verdict).toBe('pass');
  });

  test('with fewer than six blocks concludes nothing, however large the difference', () => {
    const row = compareOne('read.qps', [100, 100], [1, 1]);
    expect(row).toMatchObject({ confidence: 0.5, verdict: 'inconclusive' });
    expect(compareOne('read.qps', [100], [1])).toMatchObject({
      ciLow: null,
      confidence: null,
      verdict: 'inconclusive',
    });
  });

  test('keeps the row of what one arm does not have, without a ratio and never as a pass', () => {
    const [row] = compareMetrics({}, metric('lag.p95Ms', [3, 4, 5, 6, 7, 8]), interleaved);
    expect(row).toMatchObject({
      metric: 'lag.p95Ms',
      baseline: null,
      candidate: 3,
      ratio: null,
      ciLow: null,
      confidence: null,
      blocks: 0,
      verdict: 'inconclusive',
    });
  });

  test('has no ratio when a block is zero: leaving that block out would hide it', () => {
    const some = [0.01, 0.02, 0.01, 0.02, 0.01, 0.02];
    const zero = [0, 0, 0, 0, 0, 0];
    expect(compareOne('errors.ratio', zero, some)).toMatchObject({ ratio: null, verdict: 'inconclusive' });
    expect(compareOne('errors.ratio', some, [0, ...some.slice(1)])).toMatchObject({ ratio: null });
    // No errors at all cannot be worse.
    expect(compareOne('errors.ratio', some, zero)).toMatchObject({ ratio: null, verdict: 'pass' });
    expect(compareOne('errors.ratio', zero, zero)).toMatchObject({ ratio: null, verdict: 'pass' });
    // No throughput at all can.
    expect(compareOne('read.qps', some, zero)).toMatchObject({ ratio: null, verdict: 'inconclusive' });
  });

  test('does not pair blocks of different sessions, and gives them no verdict', () => {
    const rising = [100, 110, 120, 130, 140, 150];
    const paired = compareOne(
      'read.qps',
      rising,
      rising.map((value) => value * 2),
    );
    const apart = compareOne(
      'read.qps',
      rising,
      rising.map((value) => value * 2),
      { interleaved: false },
    );
    expect(paired.ciLow).toBeCloseTo(2, 10);
    // Unpaired, the drift inside each session counts as what it is: noise.
    expect(apart.ciLow).toBeLessThan(1.8);
    expect(apart.ratio).toBeCloseTo(2, 1);
    expect(apart.verdict).toBe('inconclusive');
  });
});
