import { describe, expect, test } from 'vitest';
import { combineRuns, differences } from '../../bench/analysis/combine.ts';
import type { JournalEntry, RunResult } from '../../bench/model.ts';
import { foldJournal } from './fold-journal.ts';
import { buildJournal, type JournalOptions, replicatedArm } from './journal-builder.ts';

const baseline = foldJournal(buildJournal({ replicated: null }));

/** The replicated arm of a journal as a run of its own. */
function replicatedAlone(rateFactor = 1, options: JournalOptions = {}): RunResult {
  return foldJournal(
    buildJournal({ ...options, plan: { seed: 1 }, seed: 2 }).flatMap((entry): JournalEntry[] => {
      if (entry.type === 'plan') return [{ ...entry, plan: { ...entry.plan, arms: [replicatedArm] } }];
      if ('arm' in entry && entry.arm !== 'replicated') return [];
      if (entry.type !== 'slice-end' || entry.offeredRateHz === null) return [entry];
      return [{ ...entry, offeredRateHz: entry.offeredRateHz * rateFactor }];
    }),
  );
}

describe('two runs of one arm each', () => {
  const combined = combineRuns(baseline, replicatedAlone());

  test('become one result whose comparison has no verdict', () => {
    expect(combined.arms.map(({ name }) => name)).toEqual(['baseline', 'replicated']);
    expect(combined.interleaved).toBe(false);
    expect(new Set(combined.comparison.map(({ verdict }) => verdict))).toEqual(new Set(['inconclusive']));
    expect(combined.comparison[0]?.ratio).toBeGreaterThan(1.8);
    expect(combined.comparison[0]?.confidence).toBeGreaterThan(0.95);
    expect(combined.validity.findings).toContainEqual(expect.objectContaining({ id: 'not-interleaved' }));
    // Objectives are about each arm by itself; they keep theirs.
    expect(combined).toMatchObject({ verdict: 'pass', exitCode: 0 });
    expect(combined.objectives.map(({ arm }) => arm)).toEqual(['baseline', 'replicated']);
  });

  test('at different offered rates have no ratio of throughput, latency, CPU or lag', () => {
    const apart = combineRuns(baseline, replicatedAlone(1.5));
    const ratioOf = (metric: string): number | null | undefined =>
      apart.comparison.find((row) => row.metric === metric)?.ratio;
    expect(ratioOf('read.qps')).toBeNull();
    expect(ratioOf('read.p95Ms')).toBeNull();
    expect(ratioOf('primary.cpuPercent')).toBeNull();
    expect(apart.validity.findings).toContainEqual(expect.objectContaining({ id: 'offered-rate-differs' }));
  });

  test('are invalid when one of them is', () => {
    const invalid = replicatedAlone(1, { generator: { cpuPercent: 95 } });
    expect(combineRuns(baseline, invalid)).toMatchObject({ exitCode: 3, validity: { ok: false } });
  });

  test('of the same arm, or of two arms each, are refused', () => {
    expect(() => combineRuns(baseline, baseline)).toThrow(/both runs measured the arm baseline/);
    expect(() => combineRuns(baseline, foldJournal(buildJournal({ blocks: 1 })))).toThrow(/has 2 arms/);
  });
});

describe('comparable runs', () => {
  test('have the same machine, versions, quotas, application and scenario', () => {
    expect(differences(baseline, replicatedAlone())).toEqual([]);
    const elsewhere = {
      ...baseline,
      nodeCpus: 0.5,
      fingerprint: { ...baseline.fingerprint, cores: 4, postgres: '16.1' },
      scenario: { ...baseline.scenario, readShare: 0.5 },
    };
    expect(differences(baseline, elsewhere)).toEqual([
      'scenario',
      'cores per node: 0.25 and 0.5',
      'cores: 2 and 4',
      'postgres: 17.10 and 16.1',
    ]);
  });

  test('may differ in what is measured anew each time, and in settings that replication needs', () => {
    const later = {
      ...baseline,
      fingerprint: { ...baseline.fingerprint, fsyncMs: 9, postgresSettings: { wal_level: 'logical' } },
    };
    expect(differences(baseline, later)).toEqual([]);
  });
});
