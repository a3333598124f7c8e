import type { JournalEntry, RunPlan, SliceKind } from '../model.ts';
import { measuredKinds } from './finished-blocks.ts';
import { nodeNames } from './slice.ts';
import { collectSamples, type Point, type SeriesKey, type SliceSamples } from './slice-samples.ts';

/** What a run looked like while it went on: its finished slices, and what was observed inside them. */
export interface Timeline {
  /** Measured slices in the order in which they were measured. */
  readonly slices: readonly TimelineSlice[];
  readonly series: readonly TimelineSeries[];
  /** From the plan to the last entry of the journal. */
  readonly lengthMs: number;
}

export interface TimelineSlice {
  readonly arm: string;
  readonly block: number;
  readonly kind: SliceKind;
  /** Since the run was planned. */
  readonly startMs: number;
  readonly durationMs: number;
}

export interface TimelineSeries extends SeriesKey {
  readonly points: readonly TimelinePoint[];
}

/** `slice` is an index of `slices`, `atMs` counts from that slice's start. */
export interface TimelinePoint extends Point {
  readonly slice: number;
}

export interface TimelineFold {
  /** Takes the journal's entries in their order. */
  add(entry: JournalEntry): void;
  result(): Timeline;
}

/** More than a chart has pixels for; a run with more slices than this keeps one point of each. */
const mostPoints = 400;

/**
 * Gathers what happened over time, entry by entry, with a bounded number of points whatever the length of
 * the run. As in the result, only finished slices count, and one that was measured again replaces the first.
 */
export function createTimelineFold(): TimelineFold {
  let plan: { readonly run: RunPlan; readonly atMs: number } | null = null;
  let lastMs = 0;
  let current: (Where & { readonly samples: SliceSamples }) | null = null;
  const finished = new Map<string, FinishedSlice>();

  return {
    add(entry) {
      if ('atMs' in entry) lastMs = Math.max(lastMs, entry.atMs);
      switch (entry.type) {
        case 'plan':
          plan = { run: entry.plan, atMs: entry.atMs };
          return;
        case 'slice-start': {
          const arm = plan?.run.arms.find(({ name }) => name === entry.arm);
          const { block, kind, part = 1 } = entry;
          current =
            plan === null || arm === undefined || !isMeasured(kind)
              ? null
              : {
                  arm: arm.name,
                  block,
                  kind,
                  part,
                  samples: collectSamples(entry.atMs, nodeNames(arm), pointsPerSlice(plan.run)),
                };
          return;
        }
        case 'readings':
          current?.samples.readings(entry.readings);
          return;
        case 'progress':
          current?.samples.progress(entry);
          return;
        case 'slice-failed':
          current = null;
          return;
        case 'slice-end': {
          const begun = current;
          current = null;
          if (plan === null || begun === null || keyOf(begun) !== keyOf({ part: 1, ...entry })) return;
          const { arm, block, kind } = begun;
          const { startedAtMs, durationMs } = entry.load;
          const key = keyOf(begun);
          // To the end: the slices stay in the order of their time.
          finished.delete(key);
          finished.set(key, {
            slice: { arm, block, kind, startMs: startedAtMs - plan.atMs, durationMs },
            series: begun.samples.close(startedAtMs, startedAtMs + durationMs),
          });
          return;
        }
        default:
          return;
      }
    },
    result() {
      const slices = [...finished.values()];
      return {
        slices: slices.map(({ slice }) => slice),
        series: joinSeries(slices.map(({ series }) => series)),
        lengthMs: plan === null ? 0 : Math.max(0, lastMs - plan.atMs),
      };
    },
  };
}

/** One after the other, as two runs of one arm each were. */
export function joinTimelines(first: Timeline, second: Timeline): Timeline {
  const moved = second.series.map((series) => ({
    ...series,
    points: series.points.map((point) => ({ ...point, slice: point.slice + first.slices.length })),
  }));
  const all = [...first.series, ...moved];
  const keys = [...new Set(all.map(({ measure, subject }) => `${measure}\n${subject}`))];
  return {
    slices: [...first.slices, ...second.slices],
    series: keys.flatMap((key) => {
      const same = all.filter(({ measure, subject }) => `${measure}\n${subject}` === key);
      const [one] = same;
      return one === undefined ? [] : [{ ...one, points: same.flatMap(({ points }) => points) }];
    }),
    lengthMs: first.lengthMs + second.lengthMs,
  };
}

interface Where {
  readonly arm: string;
  readonly block: number;
  readonly kind: SliceKind;
  /** Parts of a slice are apart in time, so each is drawn by itself. */
  readonly part: number;
}

interface FinishedSlice {
  readonly slice: TimelineSlice;
  readonly series: ReturnType<SliceSamples['close']>;
}

function joinSeries(slices: readonly FinishedSlice['series'][]): readonly TimelineSeries[] {
  const joined = new Map<string, SeriesKey & { readonly points: TimelinePoint[] }>();
  slices.forEach((series, slice) => {
    for (const { measure, subject, points } of series) {
      const key = `${measure}\n${subject}`;
      const known = joined.get(key) ?? { measure, subject, points: [] };
      joined.set(key, known);
      known.points.push(...points.map((point) => ({ slice, ...point })));
    }
  });
  return [...joined.values()];
}

function pointsPerSlice({ arms, blocks, slices, parts }: RunPlan): number {
  const measured = (slices ?? measuredKinds).filter(isMeasured);
  const pieces = measured.reduce((sum, kind) => sum + (parts?.[kind]?.count ?? 1), 0);
  return Math.max(1, Math.floor(mostPoints / Math.max(1, arms.length * blocks * pieces)));
}

function isMeasured(kind: SliceKind): boolean {
  return measuredKinds.some((measured) => measured === kind);
}

function keyOf({ arm, block, kind, part }: Where): string {
  return `${block} ${kind} ${part} ${arm}`;
}
