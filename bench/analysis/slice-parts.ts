/** A slice that was measured in parts, between which the other arm had its own, as one. */
import { encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import type {
  GeneratorHealth,
  JournalEntry,
  LoadProgress,
  LoadResult,
  OperationResult,
  OutcomeCounts,
} from '../model.ts';
import { mergeHistories } from './consistency-summary.ts';
import type { FaultEntry } from './fault-windows.ts';
import { addOutcomes, mergeHistograms } from './latency.ts';
import type { SliceEnd } from './slice.ts';
import { collectReadings, type ReadingsCollector } from './slice-readings.ts';

type SliceStart = Extract<JournalEntry, { readonly type: 'slice-start' }>;

/** What is known of a slice before its end. */
export interface CurrentSlice {
  readonly start: SliceStart;
  readonly readings: ReadingsCollector;
  readonly progress: LoadProgress[];
  readonly faults: FaultEntry[];
  /** Parts that have ended. */
  readonly parts: readonly SliceEnd[];
}

/** The slice that begins, or the next part of one that was begun. */
export function beginPart(start: SliceStart, begun: CurrentSlice | undefined): CurrentSlice {
  if (begun === undefined || start.part === undefined || start.part === 1) {
    return { start, readings: collectReadings(start.atMs), progress: [], faults: [], parts: [] };
  }
  begun.readings.resume(start.atMs);
  return { ...begun, start };
}

/**
 * One end of several: counts are added, histograms merged (percentiles of parts are never averaged), so rates
 * are those of the parts' whole length. The offered rate of parts is the same.
 */
export function mergeParts(ends: readonly [SliceEnd, ...SliceEnd[]]): SliceEnd {
  const [first, ...more] = ends;
  if (more.length === 0) return first;
  const loads = ends.map(({ load }) => load);
  const history = mergeHistories(loads);
  const load: LoadResult = {
    startedAtMs: first.load.startedAtMs,
    durationMs: sum(loads.map(({ durationMs }) => durationMs)),
    drainedMs: sum(loads.map(({ drainedMs }) => drainedMs)),
    operations: distinctOperations(loads).map((operation) => mergeOperation(operation, loads)),
    generator: mergeHealth(loads.map(({ generator, durationMs }) => ({ ...generator, durationMs }))),
    ...(history === undefined ? {} : { history }),
  };
  return { ...(ends.at(-1) ?? first), load };
}

/** One of each: a rare operation may not have been due in the first part. */
function distinctOperations(loads: readonly LoadResult[]): readonly OperationResult[] {
  const all = loads.flatMap(({ operations }) => operations);
  return [...new Map(all.toReversed().map((one) => [`${one.loop} ${one.name}`, one])).values()].toReversed();
}

/** An operation of one stream; another stream of the slice may have one of the same name. */
function mergeOperation(operation: OperationResult, loads: readonly LoadResult[]): OperationResult {
  const same = loads.flatMap(({ operations }) =>
    operations.filter(({ name, loop }) => name === operation.name && loop === operation.loop),
  );
  const merged = (kind: 'serviceTime' | 'responseTime' | 'scheduleLag'): string =>
    encodeIntoCompressedBase64(mergeHistograms(same.map((one) => one[kind])));
  return {
    ...operation,
    outcomes: addOutcomes(same.map(({ outcomes }): OutcomeCounts => outcomes)),
    inTime: {
      ok: sum(same.map(({ inTime }) => inTime.ok)),
      'http-error': sum(same.map(({ inTime }) => inTime['http-error'])),
    },
    statuses: addCounts(same.map(({ statuses }) => statuses)),
    servedBy: addCounts(same.map(({ servedBy }) => servedBy)),
    serviceTime: merged('serviceTime'),
    responseTime: merged('responseTime'),
    scheduleLag: merged('scheduleLag'),
  };
}

function mergeHealth(parts: readonly (GeneratorHealth & { readonly durationMs: number })[]): GeneratorHealth {
  const largest = (of: (part: GeneratorHealth) => number): number => Math.max(...parts.map(of));
  const length = sum(parts.map(({ durationMs }) => durationMs));
  return {
    cpuMs: sum(parts.map(({ cpuMs }) => cpuMs)),
    cpuPercent: sum(parts.map(({ cpuPercent, durationMs }) => cpuPercent * durationMs)) / length,
    eventLoopDelayP99Ms: largest((part) => part.eventLoopDelayP99Ms),
    eventLoopDelayMaxMs: largest((part) => part.eventLoopDelayMaxMs),
    gcMs: sum(parts.map(({ gcMs }) => gcMs)),
    gcMaxMs: largest((part) => part.gcMaxMs),
    rssBytes: largest((part) => part.rssBytes),
  };
}

function addCounts(counts: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const total: Record<string, number> = {};
  for (const [name, count] of counts.flatMap((each) => Object.entries(each))) {
    total[name] = (total[name] ?? 0) + count;
  }
  return total;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
