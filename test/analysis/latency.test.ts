import { build } from 'hdr-histogram-js';
import { describe, expect, test } from 'vitest';
import { addOutcomes, countDue, summarizeHistogram, summarizeLatency } from '../../bench/analysis/latency.ts';
import { countOutcomes, encodeHistogram } from './journal-builder.ts';

const range = (count: number, valueAt: (index: number) => number): number[] =>
  Array.from({ length: count }, (_, index) => valueAt(index + 1));

describe('the summary of latencies', () => {
  test('gives milliseconds of known quantiles, to three significant digits', () => {
    const summary = summarizeLatency([encodeHistogram(range(1000, (index) => index * 100))]);
    expect(summary.count).toBe(1000);
    expect(summary.p50Ms).toBeCloseTo(50, 1);
    expect(summary.p95Ms).toBeCloseTo(95, 1);
    expect(summary.p99Ms).toBeCloseTo(99, 0);
    expect(summary.maxMs).toBeCloseTo(100, 0);
    expect(summary.meanMs).toBeCloseTo(50.05, 1);
  });

  test('merges counts; it does not average the percentiles of parts', () => {
    // 990 fast requests and 10 slow ones: P95 is 1 ms. The mean of both P95s would be 500 ms.
    const fast = encodeHistogram(range(990, () => 1000));
    const slow = encodeHistogram(range(10, () => 1_000_000));
    const summary = summarizeLatency([fast, slow]);
    expect(summary.p95Ms).toBeCloseTo(1, 2);
    expect(summary.p999Ms).toBeGreaterThan(999);
  });

  test('is that of all values together, however they were split', () => {
    const all = range(3000, (index) => 500 + ((index * 7919) % 100_000));
    const parts = [all.slice(0, 100), all.slice(100, 2500), all.slice(2500)].map(encodeHistogram);
    expect(summarizeLatency(parts)).toEqual(summarizeLatency([encodeHistogram(all)]));
  });

  test('merges histograms that reach to different heights', () => {
    const summary = summarizeLatency([encodeHistogram([1000]), encodeHistogram([120_000_000])]);
    expect(summary.count).toBe(2);
    expect((summary.maxMs ?? 0) / 120_000).toBeCloseTo(1, 2);
  });

  test('has no quantile above the maximum', () => {
    // 1,000,000 shares its bucket with values up to 1,000,447, and a quantile is the bucket's highest.
    const histogram = build({ numberOfSignificantValueDigits: 3 });
    histogram.recordValue(1_000_000);
    expect(summarizeHistogram(histogram)).toMatchObject({ p50Ms: 1000, p999Ms: 1000, maxMs: 1000 });
  });

  test.each([[[]], [[encodeHistogram([])]]])('of nothing has no quantiles, not zeros', (encoded) => {
    expect(summarizeLatency(encoded)).toEqual({
      count: 0,
      p50Ms: null,
      p95Ms: null,
      p99Ms: null,
      p999Ms: null,
      maxMs: null,
      meanMs: null,
    });
  });

  test('names what it could not decode, and keeps the cause', () => {
    const decode = (): unknown => summarizeLatency(['not a histogram']);
    expect(decode).toThrow(/not an HdrHistogram V2 in base64: "not a histogram" \(15 characters\)/);
    expect(decode).toThrow(expect.objectContaining({ cause: expect.anything() }));
  });
});

describe('outcomes', () => {
  test('add up by name', () => {
    const total = addOutcomes([countOutcomes({ ok: 3, timeout: 1 }), countOutcomes({ ok: 2, unsent: 4 })]);
    expect(total).toEqual(countOutcomes({ ok: 5, timeout: 1, unsent: 4 }));
    expect(countDue(total)).toBe(10);
  });

  test('of nothing are zeros', () => {
    expect(addOutcomes([])).toEqual(countOutcomes({}));
  });
});
