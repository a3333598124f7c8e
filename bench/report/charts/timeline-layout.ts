import type { Timeline, TimelineSlice } from '../../analysis/timeline.ts';

/**
 * Where the slices of a run stand beside each other: measured time alone, in the order in which it passed.
 * Setting up, warming up and waiting between them would take more room than what was measured.
 */
export interface TimelineLayout {
  /** Of each slice, by its index. */
  readonly spans: readonly Span[];
  readonly visits: readonly Visit[];
  readonly blocks: readonly (Span & { readonly block: number })[];
  /** Pixels of a time inside a slice. */
  readonly x: (slice: number, atMs: number) => number;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Slices of one arm that followed each other in one block. */
export interface Visit extends Span {
  readonly arm: string;
  readonly block: number;
  readonly slices: readonly number[];
  readonly startMs: number;
}

export function layOut({ slices }: Timeline, from: number, to: number): TimelineLayout {
  const groups = groupVisits(slices);
  // A gap that can be seen, as long as all gaps together take little of the width.
  const gap = Math.min(6, (0.12 * (to - from)) / Math.max(1, groups.length - 1));
  const measuredMs = slices.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const perMs = (to - from - gap * Math.max(0, groups.length - 1)) / Math.max(1, measuredMs);
  const spans: Span[] = [];
  const visits: Visit[] = [];
  let x = from;
  for (const group of groups) {
    const begun = x;
    for (const { durationMs } of group.slices.map((index) => slices[index] as TimelineSlice)) {
      spans.push({ from: x, to: x + durationMs * perMs });
      x += durationMs * perMs;
    }
    visits.push({ ...group, from: begun, to: x });
    x += gap;
  }
  return {
    spans,
    visits,
    blocks: blocksOf(visits),
    x: (slice, atMs) => (spans[slice]?.from ?? from) + atMs * perMs,
  };
}

function groupVisits(slices: readonly TimelineSlice[]): readonly Omit<Visit, 'from' | 'to'>[] {
  const groups: (Omit<Visit, 'from' | 'to' | 'slices'> & { readonly slices: number[] })[] = [];
  slices.forEach(({ arm, block, startMs }, index) => {
    const last = groups.at(-1);
    if (last?.arm === arm && last.block === block) last.slices.push(index);
    else groups.push({ arm, block, startMs, slices: [index] });
  });
  return groups;
}

function blocksOf(visits: readonly Visit[]): TimelineLayout['blocks'] {
  const blocks: (Span & { readonly block: number })[] = [];
  for (const { block, from, to } of visits) {
    const last = blocks.at(-1);
    if (last?.block === block) blocks[blocks.length - 1] = { ...last, to };
    else blocks.push({ block, from, to });
  }
  return blocks;
}
