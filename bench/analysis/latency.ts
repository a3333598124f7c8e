import { build, decodeFromCompressedBase64, type Histogram, JsHistogram } from 'hdr-histogram-js';
import {
  type EncodedHistogram,
  type LatencySummary,
  type OperationResult,
  type Outcome,
  type OutcomeCounts,
  outcomeNames,
} from '../model.ts';

const microsecondsPerMs = 1000;

/**
 * Merges histograms of microseconds and summarises the union, in milliseconds. The quantiles come from
 * the merged counts: percentiles of parts are never averaged. Resolution is that of the histograms,
 * 3 significant digits, and a quantile is the highest value of its bucket (HdrHistogram's convention).
 * @throws Error when a histogram cannot be decoded; the journal line is damaged.
 */
export function summarizeLatency(encoded: readonly EncodedHistogram[]): LatencySummary {
  return summarizeHistogram(mergeHistograms(encoded));
}

/** The union of HdrHistogram V2 base64 histograms of microseconds; [] gives an empty histogram. */
export function mergeHistograms(encoded: readonly EncodedHistogram[]): Histogram {
  const merged = build({ numberOfSignificantValueDigits: 3 });
  for (const text of encoded) merged.add(decodeHistogram(text));
  return merged;
}

/** Summary, in milliseconds, of a histogram of microseconds. */
export function summarizeHistogram(histogram: Histogram): LatencySummary {
  if (histogram.totalCount === 0) {
    return { count: 0, p50Ms: null, p95Ms: null, p99Ms: null, p999Ms: null, maxMs: null, meanMs: null };
  }
  const quantileMs = (percentile: number): number =>
    Math.min(histogram.getValueAtPercentile(percentile), histogram.maxValue) / microsecondsPerMs;
  return {
    count: histogram.totalCount,
    p50Ms: quantileMs(50),
    p95Ms: quantileMs(95),
    p99Ms: quantileMs(99),
    p999Ms: quantileMs(99.9),
    maxMs: histogram.maxValue / microsecondsPerMs,
    meanMs: meanOf(histogram) / microsecondsPerMs,
  };
}

/**
 * Many quantiles (0..1, ascending) of one histogram of microseconds in a single pass, in milliseconds: the
 * same as those of {@link summarizeHistogram}. [] of an empty histogram.
 */
export function quantilesMs(histogram: Histogram, quantiles: readonly number[]): readonly number[] {
  const total = histogram.totalCount;
  if (total === 0 || !(histogram instanceof JsHistogram)) return [];
  const found: number[] = [];
  let index = -1;
  let reached = 0;
  for (const quantile of quantiles) {
    // The library's own care with rounding: 0.95 of 20 is 19, also where the product is a little more.
    const wanted = Math.max(1, Math.ceil(quantile * total * (1 - Number.EPSILON)));
    while (reached < wanted && index < histogram.countsArrayLength - 1) {
      index += 1;
      reached += histogram.getCountAtIndex(index);
    }
    const bucket = histogram.valueFromIndex(index);
    const value = quantile === 0 ? bucket : histogram.highestEquivalentValue(bucket);
    found.push(Math.min(value, histogram.maxValue) / microsecondsPerMs);
  }
  return found;
}

/** Sum of each outcome; [] gives zeros. */
export function addOutcomes(counts: readonly OutcomeCounts[]): OutcomeCounts {
  const total = (outcome: Outcome): number => counts.reduce((sum, each) => sum + each[outcome], 0);
  return Object.fromEntries(outcomeNames.map((outcome) => [outcome, total(outcome)])) as OutcomeCounts;
}

/** How many requests were due: every one has exactly one outcome. */
export function countDue(outcomes: OutcomeCounts): number {
  return outcomeNames.reduce((sum, outcome) => sum + outcomes[outcome], 0);
}

/** The library's own mean walks every bucket with an iterator: more than half the time of an analysis. */
function meanOf(histogram: Histogram): number {
  if (!(histogram instanceof JsHistogram)) return histogram.mean;
  let sum = 0;
  for (let index = 0; index < histogram.countsArrayLength; index += 1) {
    const count = histogram.getCountAtIndex(index);
    if (count > 0) sum += count * histogram.medianEquivalentValue(histogram.valueFromIndex(index));
  }
  return sum / histogram.totalCount;
}

function decodeHistogram(text: EncodedHistogram): Histogram {
  try {
    return decodeFromCompressedBase64(text);
  } catch (cause) {
    const start = text.length > 40 ? `${text.slice(0, 40)}...` : text;
    throw new Error(
      `not an HdrHistogram V2 in base64: "${start}" (${text.length} characters); the journal is damaged here`,
      { cause },
    );
  }
}

/** Answers, errors included, that came before the schedule ended. */
export function answersInTime(operations: readonly OperationResult[]): number {
  return operations.reduce((sum, { inTime }) => sum + inTime.ok + inTime['http-error'], 0);
}
