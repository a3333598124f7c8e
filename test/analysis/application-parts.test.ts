import { describe, expect, test } from 'vitest';
import { applicationParts } from '../../bench/analysis/application-parts.ts';
import type { AppHealth, JournalEntry, Reading, RunResult, SliceResult } from '../../bench/model.ts';
import { foldJournal } from './fold-journal.ts';
import { buildJournal } from './journal-builder.ts';

const journal = buildJournal({ blocks: 1, sliceMs: 4000, containers: true, replicated: null });
const whole = foldJournal(journal);

function steady(result: RunResult): SliceResult {
  const slice = result.arms[0]?.slices.find(({ kind }) => kind === 'steady');
  if (slice === undefined) throw new Error('a steady slice was expected');
  return slice;
}

/** The same journal with every reading changed, or left out when null. */
function foldChanged(change: (reading: Reading) => Reading | null): RunResult {
  const entries = journal.map(
    (entry): JournalEntry =>
      entry.type === 'readings'
        ? { ...entry, readings: entry.readings.flatMap((reading) => change(reading) ?? []) }
        : entry,
  );
  return foldJournal(entries);
}

test('parts are named instances first, by number, and the engine last', () => {
  const subjects = ['docker', 'app10', 'primary', 'redis', 'app2', 'harness', 'nginx', 'generator', 'app1'];
  expect(applicationParts(subjects, ['primary'])).toEqual([
    ...['app1', 'app2', 'app10', 'nginx', 'redis', 'docker'],
  ]);
});

describe('an application of several instances', () => {
  test('costs the CPU of all of them for a request', () => {
    const { cpu, achievedRateHz } = steady(whole);
    const cores = ['app1', 'app2', 'app3'].map((name) => cpu[name]?.cores ?? Number.NaN);
    expect(cores.map((used) => used.toFixed(3))).toEqual(['0.152', '0.152', '0.076']);
    const metric = whole.arms[0]?.metrics['app.cpuMsPerRequest']?.value;
    expect(metric).toBeCloseTo((cores.reduce((sum, used) => sum + used, 0) * 1000) / achievedRateHz, 6);
  });

  test('each is held against its quota, or one core where that is smaller', () => {
    expect(steady(whole).cpu['app1']).toMatchObject({ quotaCores: 0.5, percent: expect.closeTo(30.4, 1) });
    const roomy = foldChanged((reading) =>
      'quotaCores' in reading.values ? { ...reading, values: { ...reading.values, quotaCores: 4 } } : reading,
    );
    expect(steady(roomy).cpu['app1']).toMatchObject({ quotaCores: 4, percent: expect.closeTo(15.2, 1) });
  });

  test('is unknown when one of them was not observed, never the sum of the others', () => {
    const without = foldChanged((reading) =>
      reading.subject === 'app2' && reading.atMs > 9_000 && reading.probe !== 'memory' ? null : reading,
    );
    expect(without.arms[0]?.metrics['app.cpuMsPerRequest']).toBeUndefined();
    const slice = steady(without);
    expect(slice.app).toMatchObject({ gcPercent: null, cacheHitPercent: null });
    expect(slice.host.foreignPercent).toBeNull();
  });

  test('limits the arm when one instance is used up, and is named', () => {
    const busy = foldJournal(
      buildJournal({
        blocks: 1,
        sliceMs: 4000,
        containers: true,
        baseline: { saturatedCpuPercent: [40], appCpuPercent: 120 },
      }),
    );
    const found = busy.arms[0]?.bottleneck['read-saturation'];
    expect(found?.station).toBe('app1');
    expect(found?.sentence).toContain('app1 (96 % of its CPU quota');
    expect(found?.sentence).toContain('with app2 (96 % of its CPU quota');
  });

  test('answers from its caches in the share of all reads, not of the mean instance', () => {
    // 4 + 5 + 6 hits to 3 times 4 misses.
    expect(steady(whole).app.cacheHitPercent).toBeCloseTo((15 / 27) * 100, 6);
    expect(steady(whole).app.cacheErrorPercent).toBe(0);
    expect(steady(whole).app.poolWaiting).toBe(9);
    expect(steady(whole).app.eventLoopDelayP99Ms).toBe(14);
  });
});

describe('reads that the primary took over', () => {
  /** The router's counters of one instance, 20 reads a second taken over by each, more by app2. */
  const routed = (subject: string, atMs: number): Readonly<Record<string, number>> => ({
    readsTakenOver: (subject === 'app2' ? 0.04 : 0.02) * atMs,
    readsRejected: subject === 'app3' ? 0.001 * atMs : 0,
    takenOverMost: subject === 'app1' ? 4 : 2,
    ...{ takenOverLimit: 4, takenOverLimitHz: 1_000 },
  });
  const foldRouted = (tells: (subject: string) => boolean): AppHealth['takenOver'] =>
    steady(
      foldChanged((reading) =>
        reading.probe === 'app' && tells(reading.subject)
          ? { ...reading, values: { ...reading.values, ...routed(reading.subject, reading.atMs) } }
          : reading,
      ),
    ).app.takenOver;

  test('are those of all instances, beside what all of them may take', () => {
    const told = foldRouted(() => true);
    expect(told?.rateHz).toBeCloseTo(80, 6);
    expect(told?.rejectedHz).toBeCloseTo(1, 6);
    expect(told).toMatchObject({ most: 8, limit: 12, limitHz: 3_000 });
  });

  test('are unknown where one of them does not tell', () => {
    expect(foldRouted((subject) => subject !== 'app2')).toBeNull();
    expect(steady(whole).app.takenOver).toBeNull();
  });
});

describe('memory', () => {
  test('is the middle and the largest working set of every part, beside its limit', () => {
    const { memory } = steady(whole);
    expect(Object.keys(memory)).toEqual(['primary', 'app1', 'app2', 'app3', 'nginx', 'redis']);
    const mebibytes = (bytes: number | undefined): number => Math.round((bytes ?? 0) / 2 ** 20);
    expect(mebibytes(memory['primary']?.p50Bytes)).toBe(101);
    expect(mebibytes(memory['primary']?.maxBytes)).toBe(103);
    expect(memory['primary']?.limitBytes).toBe(256 * 2 ** 20);
    expect(memory['redis']?.limitBytes).toBeNull();
  });

  test('is absent where nobody measured it', () => {
    expect(steady(foldJournal(buildJournal({ blocks: 1 }))).memory).toEqual({});
  });
});

test('a cache that answered is said beside the figures', () => {
  const found = whole.validity.findings.find(({ id }) => id === 'reads-cached');
  expect(found?.message).toContain('a cache answered 40 % of the reads of baseline');
  expect(whole.validity.findings.map(({ id }) => id)).not.toContain('reads-unattributed');
});

test('CPU of a second that stands out is in the P95 and not in the mean', () => {
  let extraMs = 0;
  const bursty = foldChanged((reading) => {
    if (reading.probe !== 'cpu' || reading.subject !== 'primary') return reading;
    // Two half-seconds in eight at three quarters of a core more.
    if (Math.floor(reading.atMs / 1000) % 4 === 0) extraMs += 0.75 * 250;
    return {
      ...reading,
      values: { ...reading.values, cpuMs: (reading.values['cpuMs'] ?? 0) + extraMs },
    };
  });
  const { cores, p95Cores } = steady(bursty).cpu['primary'] ?? {};
  expect(cores).toBeLessThan(0.5);
  expect(p95Cores).toBeGreaterThan(0.6);
});
