import { describe, expect, test } from 'vitest';
import { median } from '../../bench/analysis/median.ts';
import type { Measure } from '../../bench/analysis/slice-samples.ts';
import { createTimelineFold, joinTimelines, type Timeline } from '../../bench/analysis/timeline.ts';
import type { JournalEntry, Reading } from '../../bench/model.ts';
import { foldJournal } from './fold-journal.ts';
import { inTwoParts } from './in-two-parts.ts';
import { baselineArm, buildJournal, buildLoad } from './journal-builder.ts';

const timelineOf = (entries: Iterable<JournalEntry>): Timeline => {
  const fold = createTimelineFold();
  for (const entry of entries) fold.add(entry);
  return fold.result();
};
const pointsOf = (timeline: Timeline, measure: Measure, subject: string, slice?: number) =>
  (
    timeline.series.find((series) => series.measure === measure && series.subject === subject)?.points ?? []
  ).filter((point) => slice === undefined || point.slice === slice);

describe('the timeline of a run', () => {
  const journal = buildJournal({ blocks: 3, sliceMs: 4000 });
  const timeline = timelineOf(journal);
  const result = foldJournal(journal);

  test('has the slices of the result, in the order in which they were measured', () => {
    const ofResult = result.arms.flatMap((arm) =>
      arm.slices.map(({ block, kind, durationMs }) => `${arm.name} ${block} ${kind} ${durationMs}`),
    );
    const found = timeline.slices.map(
      ({ arm, block, kind, durationMs }) => `${arm} ${block} ${kind} ${durationMs}`,
    );
    expect([...found].sort()).toEqual(ofResult.sort());
    const starts = timeline.slices.map(({ startMs }) => startMs);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    expect(starts[0]).toBeGreaterThan(5000);
  });

  test('draws each part of a slice by itself, and all of them', () => {
    const parts = timelineOf(inTwoParts(journal));
    expect(parts.slices).toHaveLength(2 * timeline.slices.length);
    const lengths = (of: Timeline): number => of.slices.reduce((sum, { durationMs }) => sum + durationMs, 0);
    expect(lengths(parts)).toBe(2 * lengths(timeline));
  });

  test('shows inside a slice what the result says of the whole of it', () => {
    const flat = buildJournal({ blocks: 1, sliceMs: 4000, sharedNoise: 0, ownNoise: 0 });
    const { slices } = timelineOf(flat);
    slices.forEach(({ arm, kind }, index) => {
      const slice = foldJournal(flat)
        .arms.find(({ name }) => name === arm)
        ?.slices.find((found) => found.kind === kind);
      for (const name of ['read', 'write'] as const) {
        const rates = pointsOf(timelineOf(flat), 'rate', name, index);
        expect(rates.length).toBeGreaterThan(1);
        for (const { value } of rates) expect(value / (slice?.[name].qps ?? 0)).toBeCloseTo(1, 1);
      }
      const cores = pointsOf(timelineOf(flat), 'cores', 'primary', index);
      for (const { value } of cores) expect(value / (slice?.cpu['primary']?.cores ?? 0)).toBeCloseTo(1, 2);
      const application = pointsOf(timelineOf(flat), 'cores', 'application', index);
      expect(median(application.map(({ value }) => value))).toBeCloseTo(slice?.cpu['app']?.cores ?? 0, 3);
    });
  });

  test('keeps to the measured time of each slice', () => {
    for (const { points } of timeline.series)
      for (const { slice, atMs } of points) {
        expect(atMs).toBeGreaterThanOrEqual(0);
        expect(atMs).toBeLessThanOrEqual(timeline.slices[slice]?.durationMs ?? -1);
      }
    // The pretended nodes are idle after the end: one point from there would pull the least value down.
    const busy = pointsOf(timeline, 'cores', 'primary').map(({ value }) => value);
    expect(Math.min(...busy)).toBeGreaterThan(0.05);
  });

  test('adds the parts of an application up', () => {
    const parts = timelineOf(buildJournal({ blocks: 1, containers: true }));
    const slice = parts.slices.findIndex(({ arm }) => arm === 'baseline');
    const cores = pointsOf(parts, 'cores', 'application', slice).map(({ value }) => value);
    // Three instances with 0.38 cores together, redis and nginx.
    expect(median(cores)).toBeCloseTo(0.38 + 0.03 + 0.05, 2);
  });

  test('has a bounded number of points, whatever the length of the slices', () => {
    for (const blocks of [1, 30]) {
      const long = timelineOf(buildJournal({ blocks, sliceMs: blocks === 1 ? 150_000 : 1000 }));
      for (const { measure, points } of long.series) expect(points.length, measure).toBeLessThanOrEqual(400);
    }
  });

  test('shows the peak of lag in a slice of minutes, and one that came long before the end', () => {
    const long = buildJournal({ blocks: 1, sliceMs: 150_000 }).map((entry): JournalEntry => {
      if (entry.type !== 'readings') return entry;
      const readings = entry.readings.map((reading: Reading) =>
        reading.probe === 'lag' && reading.atMs % 150_000 > 20_000 && reading.atMs % 150_000 <= 20_250
          ? { ...reading, values: { ...reading.values, lagMs: 777 } }
          : reading,
      );
      return { ...entry, readings };
    });
    const lags = pointsOf(timelineOf(long), 'lag', 'replica1').map(({ value }) => value);
    expect(Math.max(...lags)).toBe(777);
  });

  test('of a journal that was cut off has the finished slices alone', () => {
    const cut = journal.slice(
      0,
      journal.findLastIndex((entry) => entry.type === 'readings'),
    );
    const ofCut = timelineOf(cut);
    expect(ofCut.slices).toEqual(timeline.slices.slice(0, -1));
    for (const { points } of ofCut.series)
      for (const { slice } of points) expect(slice).toBeLessThan(ofCut.slices.length);
  });

  test('takes a slice that was measured again instead of the first, at its later time', () => {
    const begin = journal.findIndex((entry) => entry.type === 'slice-start' && entry.kind === 'steady');
    const end = journal.findIndex((entry, index) => index > begin && entry.type === 'slice-end');
    const slice = journal.slice(begin, end + 1);
    const again = timelineOf([...journal, ...slice]);
    expect(again.slices).toHaveLength(timeline.slices.length);
    expect(again.slices.at(-1)).toEqual(timeline.slices[0]);
    expect(pointsOf(again, 'rate', 'read', again.slices.length - 1)).toEqual(
      pointsOf(timeline, 'rate', 'read', 0).map((point) => ({ ...point, slice: again.slices.length - 1 })),
    );
  });

  test('does not take a restarted counter, or one that skipped a reading, for load', () => {
    const at = (atMs: number, cpuMs?: number): JournalEntry => ({
      type: 'readings',
      readings: cpuMs === undefined ? [] : [{ atMs, probe: 'cpu', subject: 'primary', values: { cpuMs } }],
    });
    const where = { arm: 'baseline', block: 1, kind: 'steady', offeredRateHz: 1 } as const;
    const [plan] = buildJournal({ blocks: 1 });
    const load = buildLoad({ startedAtMs: 0, durationMs: 2000 });
    const samples = [at(0, 9000), at(250, 9100), at(500, 5), at(750), at(1500, 405)];
    const entries = [
      ...(plan === undefined ? [] : [plan]),
      { type: 'slice-start', atMs: 0, ...where } as JournalEntry,
      ...samples,
      { type: 'slice-end', atMs: 2100, ...where, load } as JournalEntry,
    ];
    expect(pointsOf(timelineOf(entries), 'cores', 'primary').map(({ value }) => value)).toEqual([0.4, 0.4]);
  });

  test('of two runs of one arm each is one after the other', () => {
    const alone = timelineOf(buildJournal({ blocks: 2, replicated: null }));
    const both = joinTimelines(alone, alone);
    expect(both.slices).toEqual([...alone.slices, ...alone.slices]);
    const points = pointsOf(both, 'rate', 'read');
    expect(points).toHaveLength(2 * pointsOf(alone, 'rate', 'read').length);
    expect(Math.max(...points.map(({ slice }) => slice))).toBe(both.slices.length - 1);
    expect(both.slices[0]?.arm).toBe(baselineArm.name);
  });

  test('of a run without a plan is empty', () => {
    expect(timelineOf([])).toEqual({ slices: [], series: [], lengthMs: 0 });
  });
});
