import { build, type Histogram } from 'hdr-histogram-js';
import type { EncodedHistogram, JournalEntry, OperationClass } from '../model.ts';
import { mergeHistograms, quantilesMs } from './latency.ts';

/** Response times of one class in the steady slices of one arm, as they look from the median to the tail. */
export interface LatencyCurve {
  readonly arm: string;
  readonly class: OperationClass;
  /** Of the requests of all blocks together. */
  readonly merged: Curve;
  /** By block, ascending: how far the merged curve can be trusted. */
  readonly blocks: readonly (Curve & { readonly block: number })[];
}

export interface Curve {
  readonly count: number;
  readonly maxMs: number;
  /**
   * At the quantiles of {@link curveQuantiles}, from the first on; ends where fewer than one request
   * would be above, because beyond that there is only the maximum.
   */
  readonly ms: readonly number[];
}

export interface CurveFold {
  /** Takes the journal's entries in their order. */
  add(entry: JournalEntry): void;
  /** In the order in which arm and class first came. */
  result(): readonly LatencyCurve[];
}

/** Twenty steps a nine, up to one in a million. */
const stepNines = 0.05;
const mostNines = 6;
/** Exactly, because other figures of a report are of these. */
const named = [0.5, 0.95, 0.99, 0.999];

/** Ascending, evenly spread over the logarithm of what is left above them, with P50, P95, P99 and P99.9. */
export const curveQuantiles: readonly number[] = [
  ...Array.from({ length: mostNines / stepNines + 1 }, (_, step) => 1 - 10 ** (-step * stepNines)),
  ...named,
]
  .filter((quantile, index, all) => all.findIndex((other) => Math.abs(other - quantile) < 1e-9) === index)
  .sort((a, b) => a - b);

/**
 * Gathers the steady slices' histograms, arm by arm and class by class: counts are merged, quantiles of
 * blocks never averaged. Memory is that of one histogram for each arm and class, and of the encoded ones.
 */
export function createCurveFold(): CurveFold {
  const groups = new Map<string, Group>();
  return {
    add(entry) {
      if (entry.type !== 'slice-end' || entry.kind !== 'steady') return;
      for (const name of ['read', 'write'] as const) {
        const encoded = entry.load.operations
          .filter((operation) => operation.class === name)
          .map((operation) => operation.responseTime);
        if (encoded.length === 0) continue;
        const key = `${entry.arm}\n${name}`;
        const group = groups.get(key) ?? emptyGroup(entry.arm, name);
        groups.set(key, group);
        addBlock(group, entry.block, encoded, entry.part ?? 1);
      }
    },
    result: () => [...groups.values()].flatMap(curveOf),
  };
}

interface Group {
  readonly arm: string;
  readonly class: OperationClass;
  readonly blocks: Map<number, { readonly encoded: readonly EncodedHistogram[]; readonly curve: Curve }>;
  merged: Histogram;
}

function emptyGroup(arm: string, name: OperationClass): Group {
  return { arm, class: name, blocks: new Map(), merged: build({ numberOfSignificantValueDigits: 3 }) };
}

function addBlock(group: Group, block: number, measured: readonly EncodedHistogram[], part: number): void {
  const before = part > 1 ? (group.blocks.get(block)?.encoded ?? []) : [];
  const again = group.blocks.has(block);
  const encoded = [...before, ...measured];
  const histogram = mergeHistograms(encoded);
  group.blocks.set(block, { encoded, curve: curveThrough(histogram) });
  // A slice that was measured again replaces the first; histograms cannot be taken out, only put in.
  if (again) group.merged = mergeHistograms([...group.blocks.values()].flatMap((known) => known.encoded));
  else group.merged.add(histogram);
}

function curveOf(group: Group): readonly LatencyCurve[] {
  if (group.merged.totalCount === 0) return [];
  const blocks = [...group.blocks]
    .sort(([a], [b]) => a - b)
    .flatMap(([block, { curve }]) => (curve.count === 0 ? [] : [{ block, ...curve }]));
  return [{ arm: group.arm, class: group.class, merged: curveThrough(group.merged), blocks }];
}

function curveThrough(histogram: Histogram): Curve {
  const count = histogram.totalCount;
  const reached = curveQuantiles.filter((quantile) => (1 - quantile) * count >= 1 - 1e-9);
  return { count, maxMs: histogram.maxValue / 1000, ms: quantilesMs(histogram, reached) };
}
