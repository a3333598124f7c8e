import { describe, expect, test } from 'vitest';
import { createJournalFold } from '../../bench/analysis/fold.ts';
import { type ArmResult, EnvironmentError, type JournalEntry, type RunResult } from '../../bench/model.ts';
import { foldJournal } from './fold-journal.ts';
import { buildJournal, buildOperation, countOutcomes, encodeHistogram } from './journal-builder.ts';

type SliceEnd = Extract<JournalEntry, { readonly type: 'slice-end' }>;

const quiet = { sharedNoise: 0, ownNoise: 0 };

describe('the fold of a journal', () => {
  test('gives back what the run was made of', () => {
    const result = foldJournal(buildJournal(quiet));
    const [baseline, replicated] = armsOf(result);
    expect(baseline.metrics['read.qps']?.value).toBeCloseTo(1000, 6);
    expect(replicated.metrics['read.qps']?.value).toBeCloseTo(2100, 6);
    expect(replicated.metrics['write.qps']?.value).toBeCloseTo(395, 6);
    expect(baseline.metrics['primary.cpuPercent']?.value).toBeCloseTo(62, 6);
    expect(replicated.metrics['primary.cpuPercent']?.value).toBeCloseTo(24, 6);
    expect(replicated.metrics['replicas.cpuPercent']?.value).toBeCloseTo(29.5, 6);
    // 38 % of a core at 600 requests/s.
    expect(baseline.metrics['app.cpuMsPerRequest']?.value).toBeCloseTo(380 / 600, 6);
    expect(replicated.metrics['lag.p95Ms']?.value).toBeGreaterThan(16);
    expect(replicated.metrics['lag.p95Ms']?.value).toBeLessThan(17.5);
    expect(baseline.metrics['lag.p95Ms']).toBeUndefined();
    expect(result.comparison.find(({ metric }) => metric === 'read.qps')?.ratio).toBeCloseTo(2.1, 6);
    expect(result).toMatchObject({ verdict: 'pass', exitCode: 0, validity: { ok: true, findings: [] } });
  });

  test('has one value per block, whatever the number of requests: n is blocks', () => {
    // A hundred times the requests, the same noise between blocks: no narrower interval.
    const few = foldJournal(buildJournal({ blocks: 6, seed: 3 }));
    const many = foldJournal(
      buildJournal({
        blocks: 6,
        seed: 3,
        baseline: { readQps: 100_000 },
        replicated: { readQps: 210_000 },
      }),
    );
    const [narrow, wide] = [many, few].map((result) => {
      const row = result.comparison.find(({ metric }) => metric === 'read.qps');
      expect(row?.blocks).toBe(6);
      return Math.log((row?.ciHigh ?? 0) / (row?.ciLow ?? 1));
    });
    expect((narrow ?? 0) / (wide ?? 1)).toBeCloseTo(1, 1);
  });

  test('takes P95 of a class from all its requests, not from the P95 of each operation', () => {
    const latencies = { agent: 5000, dashboard: 80_000 };
    const journal = changeSlices(
      buildJournal({ ...quiet, blocks: 1 }),
      ({ kind }) => kind === 'steady',
      (end) => ({
        ...end,
        load: {
          ...end.load,
          operations: end.load.operations.map((operation) => {
            if (operation.name !== 'agent' && operation.name !== 'dashboard') return operation;
            const count = operation.name === 'agent' ? 970 : 30;
            const responseTime = encodeHistogram(Array<number>(count).fill(latencies[operation.name]));
            return { ...operation, responseTime };
          }),
        },
      }),
    );
    const [baseline] = armsOf(foldJournal(journal));
    // Of 1,000 reads 970 take 5 ms. The mean of the two P95s would be 42 ms.
    expect(baseline.metrics['read.p95Ms']?.value).toBeCloseTo(5, 1);
  });

  test('counts as errors what failed or never left, not what the end cut off', () => {
    const outcomes = countOutcomes({ ok: 90, timeout: 6, unsent: 4, 'in-flight-at-end': 32 });
    const journal = changeSlices(
      buildJournal({ blocks: 1 }),
      () => true,
      (end) => ({ ...end, load: { ...end.load, operations: [buildOperation({ outcomes })] } }),
    );
    const [baseline] = armsOf(foldJournal(journal));
    expect(baseline.metrics['errors.ratio']?.value).toBeCloseTo(0.1, 10);
  });

  test('counts readings of the measured time only, not those of the drain', () => {
    // The builder's nodes are idle during the drain; with those readings CPU would be 9 % lower.
    const [baseline] = armsOf(foldJournal(buildJournal({ ...quiet, blocks: 1, sliceMs: 3000 })));
    expect(baseline.slices[0]?.cpu['primary']?.percent).toBeCloseTo(62, 6);
    // 100 bytes a ms: the readings span 2.75 s of the 3 s, the bytes are those of the slice.
    expect(baseline.slices[0]?.walBytes).toBe(300_000);
  });

  test('leaves warm-up and calibration out', () => {
    const result = foldJournal(buildJournal({ blocks: 2 }));
    for (const arm of result.arms) {
      expect(new Set(arm.slices.map(({ kind }) => kind))).toEqual(
        new Set(['steady', 'read-saturation', 'write-saturation']),
      );
      expect(arm.slices).toHaveLength(6);
    }
    expect(result.calibration).toEqual({ capacityHz: 1000, steadyRateHz: 600 });
  });

  test('does not mind in which order the arms of a block were measured', () => {
    const results = [1, 2, 3].map((seed) => foldJournal(buildJournal({ ...quiet, seed, blocks: 2 })));
    const ratios = results.map(({ comparison }) => comparison.map(({ ratio }) => ratio?.toFixed(9)));
    expect(new Set(ratios.map(String)).size).toBe(1);
  });

  test('replaces a slice that was measured again', () => {
    const journal = buildJournal({ ...quiet, blocks: 1 });
    const again = journal.filter((entry) => entry.type === 'slice-end' && entry.kind === 'steady');
    const repeated = journal.flatMap((entry) =>
      again.includes(entry) && entry.type === 'slice-end'
        ? [entry, { ...entry, type: 'slice-start' as const }, entry]
        : [entry],
    );
    const [baseline] = armsOf(foldJournal(repeated));
    expect(baseline.slices.filter(({ kind }) => kind === 'steady')).toHaveLength(1);
  });

  test('takes the settings of the measured server over those that were planned', () => {
    const journal = buildJournal({ blocks: 1 });
    const settings = { type: 'postgres-settings', atMs: 1, settings: { work_mem: '8MB' } } as const;
    const result = foldJournal([...journal.slice(0, 1), settings, ...journal.slice(1)]);
    expect(result.fingerprint.postgresSettings).toEqual({ work_mem: '8MB' });
  });
});

describe('missing readings', () => {
  const without = (matches: (reading: { probe: string; subject: string }) => boolean): RunResult =>
    foldJournal(
      buildJournal({ ...quiet, blocks: 2 }).map((entry) =>
        entry.type === 'readings'
          ? { ...entry, readings: entry.readings.filter((reading) => !matches(reading)) }
          : entry,
      ),
    );

  test('of one replica make the CPU of the replicas unknown, not that of the other', () => {
    const [, replicated] = armsOf(without(({ probe, subject }) => probe === 'cpu' && subject === 'replica2'));
    expect(replicated.metrics['replicas.cpuPercent']).toBeUndefined();
    expect(replicated.metrics['primary.cpuPercent']?.value).toBeCloseTo(24, 6);
  });

  test('of one replica make the lag unknown: the lost one is the one that lags', () => {
    const result = without(({ probe, subject }) => probe === 'lag' && subject === 'replica2');
    const [, replicated] = armsOf(result);
    expect(replicated.metrics['lag.p95Ms']).toBeUndefined();
    expect(result.validity.findings).toContainEqual(expect.objectContaining({ id: 'lag-missing' }));
  });

  test('make an objective inconclusive, never kept', () => {
    const journal = buildJournal({
      ...quiet,
      blocks: 2,
      scenario: { objectives: [{ metric: 'lag.p95Ms', max: 100 }] },
    }).map((entry) =>
      entry.type === 'readings'
        ? { ...entry, readings: entry.readings.filter(({ probe }) => probe !== 'lag') }
        : entry,
    );
    const result = foldJournal(journal);
    expect(result).toMatchObject({ verdict: 'inconclusive', exitCode: 4 });
    expect(result.objectives).toMatchObject([{ value: null, verdict: 'inconclusive' }]);
  });

  test('of the machine leave the CPU of other programs unknown', () => {
    const result = without(({ subject }) => subject === 'harness');
    expect(result.arms[0]?.slices[0]?.host).toMatchObject({ foreignPercent: null });
    expect(result.validity.findings).toMatchObject([{ severity: 'info', id: 'foreign-cpu-unknown' }]);
  });
});

describe('a journal that was cut off', () => {
  const journal = buildJournal({ blocks: 2, sliceMs: 1000 });

  test('at any line gives the finished slices and no verdict but inconclusive', () => {
    const fold = createJournalFold();
    let finished = 0;
    for (const entry of journal.slice(0, -1)) {
      fold.add(entry);
      if (entry.type === 'slice-end' && entry.kind !== 'warm-up') finished += 1;
      const result = fold.result();
      expect(result.completion.outcome).toBe('cut-off');
      expect(result).toMatchObject({ verdict: 'inconclusive', exitCode: 4 });
      expect(result.arms.flatMap(({ slices }) => slices)).toHaveLength(finished);
      expect(result.completion.finishedBlocks).toBe(Math.floor(finished / 6));
    }
    expect(finished).toBe(12);
  });

  test('before its plan is refused with a sentence', () => {
    expect(() => createJournalFold().result()).toThrow(EnvironmentError);
    expect(() => createJournalFold().result()).toThrow(/no plan entry/);
  });

  test('can still show that an objective was missed', () => {
    const failing = buildJournal({ blocks: 2, baseline: { errorShare: 0.05 } });
    expect(foldJournal(failing.slice(0, -1))).toMatchObject({ verdict: 'fail', exitCode: 1 });
  });
});

describe('the end of a run', () => {
  const body = buildJournal({ blocks: 2 }).slice(0, -1);
  const endWith = (end: Partial<Extract<JournalEntry, { type: 'end' }>>): RunResult =>
    foldJournal([...body, { type: 'end', atMs: 1e6, outcome: 'completed', ...end }]);

  test('by interruption is exit 130, with what was finished', () => {
    const result = endWith({ outcome: 'interrupted' });
    expect(result).toMatchObject({ exitCode: 130, verdict: 'inconclusive' });
    expect(result.comparison.length).toBeGreaterThan(0);
  });

  test('by failure is exit 3, with the reason', () => {
    const result = endWith({ outcome: 'failed', reason: 'replica2 stopped during the measurement' });
    expect(result).toMatchObject({ exitCode: 3, verdict: 'inconclusive' });
    expect(result.completion.reason).toBe('replica2 stopped during the measurement');
  });

  test('with an invalid finding is exit 3, and no objective counts', () => {
    const result = foldJournal(buildJournal({ blocks: 2, generator: { cpuPercent: 99 } }));
    expect(result).toMatchObject({ exitCode: 3, verdict: 'inconclusive', validity: { ok: false } });
    // Six slices of two arms say the same: one line.
    const found = result.validity.findings.filter(({ id }) => id === 'generator-cpu');
    expect(found).toHaveLength(1);
    expect(found[0]?.message).toContain('in all 12 slices');
  });

  test('with a slice that failed on the way is invalid: what failed chose what is left', () => {
    const index = body.findIndex((entry) => entry.type === 'slice-end' && entry.kind === 'steady');
    const lost = body[index] as SliceEnd;
    const { arm, block, kind, atMs } = lost;
    const failed = { type: 'slice-failed', arm, block, kind, atMs, reason: 'the application died' } as const;
    const entries = [...body.slice(0, index), failed, ...body.slice(index + 1)];
    const completed = foldJournal([...entries, { type: 'end', atMs: 1e6, outcome: 'completed' }]);
    expect(completed).toMatchObject({ exitCode: 3, validity: { ok: false } });
    const interrupted = foldJournal([...entries, { type: 'end', atMs: 1e6, outcome: 'interrupted' }]);
    expect(interrupted).toMatchObject({ exitCode: 130, validity: { ok: true } });
  });

  test('with a missed objective is exit 1', () => {
    const result = foldJournal(buildJournal({ replicated: { errorShare: 0.03 } }));
    expect(result).toMatchObject({ exitCode: 1, verdict: 'fail', validity: { ok: true } });
    expect(result.objectives.map(({ arm, verdict }) => [arm, verdict])).toEqual([
      ['baseline', 'pass'],
      ['replicated', 'fail'],
    ]);
  });
});

function armsOf(result: RunResult): readonly [ArmResult, ArmResult] {
  const [baseline, replicated = baseline] = result.arms;
  if (baseline === undefined || replicated === undefined) throw new Error('expected two arms');
  return [baseline, replicated];
}

function changeSlices(
  journal: readonly JournalEntry[],
  matches: (end: SliceEnd) => boolean,
  change: (end: SliceEnd) => SliceEnd,
): readonly JournalEntry[] {
  return journal.map((entry) => (entry.type === 'slice-end' && matches(entry) ? change(entry) : entry));
}
