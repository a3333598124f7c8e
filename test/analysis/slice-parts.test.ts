import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { expect, test } from 'vitest';
import { createJournalFold } from '../../bench/analysis/fold.ts';
import { summarizeLatency } from '../../bench/analysis/latency.ts';
import type { SliceEnd } from '../../bench/analysis/slice.ts';
import { mergeParts } from '../../bench/analysis/slice-parts.ts';
import type { JournalEntry } from '../../bench/model.ts';
import { inTwoParts } from './in-two-parts.ts';
import { buildJournal } from './journal-builder.ts';

function histogram(...valuesMs: readonly number[]): string {
  const made = build({ numberOfSignificantValueDigits: 3 });
  for (const ms of valuesMs) made.recordValue(ms * 1000);
  return encodeIntoCompressedBase64(made);
}

const journal = buildJournal({ blocks: 2 });
const ends = journal.filter((entry) => entry.type === 'slice-end');
const steady = ends.find(({ kind }) => kind === 'steady') as SliceEnd;

/** The slice with other latencies and counts in its first operation. */
function part(responseTime: string, ok: number, durationMs: number, cpuPercent: number): SliceEnd {
  const [first, ...others] = steady.load.operations;
  if (first === undefined) throw new Error('a slice without operations');
  const changed = {
    ...first,
    outcomes: { ...first.outcomes, ok },
    inTime: { ok, 'http-error': 0 },
    servedBy: { replica1: ok },
    responseTime,
  };
  const generator = { ...steady.load.generator, cpuPercent };
  return { ...steady, load: { ...steady.load, durationMs, operations: [changed, ...others], generator } };
}

test('counts are added and percentiles are those of all requests, not averages', () => {
  const whole = mergeParts([
    part(histogram(...Array(95).fill(1)), 95, 1000, 10),
    part(histogram(...Array(5).fill(100)), 5, 3000, 30),
  ]);
  const [operation] = whole.load.operations;
  expect(operation?.outcomes.ok).toBe(100);
  expect(operation?.servedBy).toEqual({ replica1: 100 });
  const latency = summarizeLatency([operation?.responseTime ?? '']);
  expect(latency.count).toBe(100);
  expect(latency.p95Ms).toBeCloseTo(1, 2);
  expect(latency.p99Ms).toBeCloseTo(100, 0);
  expect(whole.load.durationMs).toBe(4000);
  expect(whole.load.generator.cpuPercent).toBe(25);
});

test('one part is what it is', () => {
  expect(mergeParts([steady])).toBe(steady);
});

test('a run in parts folds to the slices that it has in one piece, twice as long', () => {
  const folded = (entries: readonly JournalEntry[]) => {
    const fold = createJournalFold();
    for (const entry of entries) fold.add(entry);
    return fold.result();
  };
  const once = folded(journal).arms.flatMap(({ slices }) => slices);
  const twice = folded(inTwoParts(journal)).arms.flatMap(({ slices }) => slices);
  expect(twice).toHaveLength(once.length);
  twice.forEach((slice, index) => {
    const single = once[index];
    expect(slice.durationMs).toBe(2 * (single?.durationMs ?? 0));
    expect(slice.read.outcomes.ok).toBe(2 * (single?.read.outcomes.ok ?? 0));
    expect(slice.read.qps).toBeCloseTo(single?.read.qps ?? 0, 6);
    expect(slice.read.responseTime.p95Ms).toBe(single?.read.responseTime.p95Ms);
    expect(slice.cpu['primary']?.cores).toBeCloseTo(single?.cpu['primary']?.cores ?? 0, 6);
  });
});

test('a slice whose last part is missing is not there', () => {
  const repeated = inTwoParts(journal);
  const last = repeated.findLastIndex((entry) => entry.type === 'slice-end');
  const fold = createJournalFold();
  for (const entry of repeated.slice(0, last)) fold.add(entry);
  expect(fold.result().completion.finishedBlocks).toBe(1);
});

test('a block that was cut short is what both arms had until then, and says so', () => {
  const repeated = inTwoParts(journal);
  const plan = repeated.find((entry) => entry.type === 'plan')?.plan;
  const blocks = plan?.blocks ?? 0;
  // Of the last block nothing after the first part of its first two slices, one of each arm.
  const ofLast = (entry: JournalEntry): boolean =>
    'kind' in entry && entry.block === blocks && entry.kind !== 'warm-up';
  const firstParts = repeated.filter(
    (entry) => !ofLast(entry) || ('part' in entry && entry.kind === 'steady' && entry.part === 1),
  );
  const cut = {
    type: 'block-cut',
    atMs: 1e9,
    block: blocks,
    reason: 'replicated lost 9 % of the requests',
  } as const;
  const end = firstParts.findIndex(({ type }) => type === 'end');
  const fold = createJournalFold();
  for (const entry of firstParts.toSpliced(end, 0, cut)) fold.add(entry);
  const { completion, arms, validity } = fold.result();
  expect(completion.finishedBlocks).toBe(blocks);
  for (const { slices } of arms) {
    const last = slices.filter(({ block }) => block === blocks);
    const whole = slices.find(({ block, kind }) => block !== blocks && kind === 'steady');
    expect(last.map(({ kind }) => kind)).toEqual(['steady']);
    expect(last[0]?.durationMs).toBe((whole?.durationMs ?? 0) / 2);
    expect(last[0]?.cpu['primary']?.cores).toBeGreaterThan(0);
  }
  expect(validity.findings).toContainEqual({
    severity: 'warning',
    id: 'block-cut',
    message: `block ${blocks} ended early: replicated lost 9 % of the requests, so its other slices were not measured`,
  });
  const uncut = createJournalFold();
  for (const entry of firstParts) uncut.add(entry);
  expect(uncut.result().completion.finishedBlocks).toBe(blocks - 1);
});
