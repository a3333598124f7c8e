import { mergeHistograms } from '../analysis/latency.ts';
import type { EncodedHistogram, JournalEntry, OperationResult, RunPlan } from '../model.ts';

type SliceEnd = Extract<JournalEntry, { readonly type: 'slice-end' }>;

export interface HistogramLog {
  /** File name, for example `block-1-baseline-steady.hlog`. */
  readonly name: string;
  readonly text: string;
}

/**
 * One HdrHistogram log (format 1.3) per finished slice, or part of one, in the journal's order, for the tools of
 * hdrhistogram.org and every library that reads the format. Tags are `<operation>.service`,
 * `<operation>.response` and `<operation>.lag`; values are microseconds, Interval_Max is in ms.
 * Holds one slice at a time.
 */
export async function* histogramLogs(
  entries: AsyncIterable<JournalEntry> | Iterable<JournalEntry>,
): AsyncGenerator<HistogramLog> {
  let header: LogHeader | null = null;
  /** Warm-ups are repeated, and slices may be measured in parts: each is a file of its own. */
  const seen = new Map<string, number>();
  for await (const entry of entries) {
    if (entry.type === 'plan') header = { plan: entry.plan, originMs: entry.atMs };
    if (entry.type !== 'slice-end' || header === null) continue;
    const name = `block-${entry.block}-${entry.arm}-${entry.kind}`;
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    yield {
      name: fileName(`${name}${times === 1 ? '' : `-${times}`}.hlog`),
      text: renderHistogramLog(entry, header),
    };
  }
}

interface LogHeader {
  readonly plan: RunPlan;
  /** Monotonic time at which the run was planned; what `startedAt` says on the wall clock. */
  readonly originMs: number;
}

function renderHistogramLog(slice: SliceEnd, { plan, originMs }: LogHeader): string {
  const startedAt = new Date(plan.startedAt);
  const epochSeconds = (startedAt.getTime() / 1000).toFixed(3);
  const startSeconds = (slice.load.startedAtMs - originMs) / 1000;
  const lengthSeconds = (slice.load.durationMs + slice.load.drainedMs) / 1000;
  const interval = `${startSeconds.toFixed(3)},${lengthSeconds.toFixed(3)}`;
  return [
    `#[${plan.runId}: ${slice.arm}, block ${slice.block}, ${slice.kind}; values in microseconds, Interval_Max in milliseconds]`,
    '#[Histogram log format version 1.3]',
    `#[StartTime: ${epochSeconds} (seconds since epoch), ${startedAt.toUTCString()}]`,
    `#[BaseTime: ${epochSeconds} (seconds since epoch)]`,
    '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
    ...slice.load.operations.flatMap((operation) => lines(operation, interval)),
    '',
  ].join('\n');
}

function lines(operation: OperationResult, interval: string): readonly string[] {
  const histograms: readonly (readonly [string, EncodedHistogram])[] = [
    ['service', operation.serviceTime],
    ['response', operation.responseTime],
    ['lag', operation.scheduleLag],
  ];
  return histograms.flatMap(([what, encoded]) => {
    const histogram = mergeHistograms([encoded]);
    if (histogram.totalCount === 0) return [];
    const maxMs = (histogram.maxValue / 1000).toFixed(3);
    return [`Tag=${tag(operation.name)}.${what},${interval},${maxMs},${encoded}`];
  });
}

/** The format allows no comma, space or line break in a tag. */
function tag(name: string): string {
  return name.replace(/[\s,]+/g, '-');
}

/** Names of arms and operations come from users: no separators, nothing hidden. */
function fileName(name: string): string {
  return name.replace(/[^\w.-]+/g, '-');
}
