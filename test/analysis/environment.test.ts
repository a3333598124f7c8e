import { describe, expect, test } from 'vitest';
import type { JournalEntry, Reading, RunResult, Scenario } from '../../bench/model.ts';
import { foldJournal } from './fold-journal.ts';
import { buildJournal, type JournalOptions } from './journal-builder.ts';

const small = { blocks: 2 } as const;
const findings = (result: RunResult): readonly string[] =>
  result.validity.findings.map(({ severity, id }) => `${severity} ${id}`);
const of = (options: JournalOptions): readonly string[] =>
  findings(foldJournal(buildJournal({ ...small, ...options })));

/** The same journal with the reads of `replicated` served as given. */
function serve(servedBy: Readonly<Record<string, number>>): RunResult {
  return foldJournal(
    buildJournal(small).map((entry): JournalEntry => {
      if (entry.type !== 'slice-end' || entry.arm !== 'replicated') return entry;
      const operations = entry.load.operations.map((operation) =>
        operation.class === 'read' ? { ...operation, servedBy } : operation,
      );
      return { ...entry, load: { ...entry.load, operations } };
    }),
  );
}

describe('the environment', () => {
  test('is clean when nodes have quotas, nobody else works and all replicas are read', () => {
    expect(of({})).toEqual([]);
  });

  test('without quotas predicts nothing, and says so', () => {
    const result = foldJournal(buildJournal({ ...small, plan: { nodeCpus: null, limitMethod: 'none' } }));
    expect(findings(result)).toEqual(['warning no-quota']);
    expect(result.validity.ok).toBe(true);
    expect(result.arms[0]?.slices[0]?.cpu['primary']?.throttledPercent).toBeNull();
  });

  test('tells the CPU of other programs from that of the run', () => {
    // Of 2 cores, nodes and application use up to 1; 0.5 more is 25 % of the machine.
    expect(of({ foreignCores: 0.5 })).toEqual(['warning foreign-cpu']);
    expect(of({ foreignCores: 0.25 })).toEqual([]);
    const result = foldJournal(buildJournal({ ...small, foreignCores: 0.5 }));
    expect(result.arms[0]?.slices[0]?.host.foreignPercent).toBeCloseTo(25, 6);
  });

  test('is bound by the application when that limits the reads of the replicas', () => {
    const appBound = { saturatedCpuPercent: [20, 60, 60], appCpuPercent: 97 };
    expect(of({ replicated: appBound })).toEqual(['warning app-bound']);
    // An application that limits the baseline alone does not make the replicas' figure a lower bound.
    expect(of({ baseline: { saturatedCpuPercent: [60], appCpuPercent: 97 } })).toEqual([]);
  });

  test('doubts a P95 of few requests, class by class', () => {
    // A tenth of 600 requests a second are writes: 60 in a slice of one second.
    const result = foldJournal(buildJournal({ ...small, sliceMs: 1000 }));
    expect(findings(result)).toEqual(['warning few-requests']);
    expect(result.validity.findings[0]?.message).toContain(
      'the P95 of writes rests on 60 requests per block',
    );
  });

  test('shows an application that does not read its replicas', () => {
    const result = serve({ primary: 900, replica1: 100 });
    expect(findings(result)).toEqual(['warning replica-unused']);
    expect(result.validity.findings[0]?.message).toContain('replica2 of replicated served no read');
  });

  test('shows reads that stay on the primary, and an uneven share', () => {
    expect(findings(serve({ primary: 200, replica1: 400, replica2: 400 }))).toEqual([
      'warning reads-on-primary',
    ]);
    expect(findings(serve({ replica1: 700, replica2: 300 }))).toEqual(['warning reads-uneven']);
    expect(findings(serve({ primary: 20, replica1: 500, replica2: 480 }))).toEqual([]);
  });

  test('does not claim that replicas were read when answers do not name their node', () => {
    expect(findings(serve({ '': 1000 }))).toEqual(['warning reads-unattributed']);
  });
});

describe('slices in which something was broken', () => {
  const faults: Scenario['faults'] = [{ kind: 'kill', node: 'replica1', from: 0.3, to: 0.6 }];

  /** Replica 1 serves nothing in the steady slices and tells no lag; `told` = the journal has the fault. */
  const lossy = (told: boolean): RunResult => {
    let steady = false;
    return foldJournal(
      buildJournal({ ...small, ...(told ? { sliceMs: 10_000, scenario: { faults } } : {}) }).flatMap(
        (entry): readonly JournalEntry[] => {
          if (entry.type === 'slice-start') steady = entry.kind === 'steady' && entry.arm === 'replicated';
          if (!steady) return [entry];
          const fault = { type: 'fault', index: 0, fault: 'kill', node: 'replica1' } as const;
          switch (entry.type) {
            case 'slice-start': {
              const begin = { ...fault, atMs: entry.atMs + 700, phase: 'begin' } as const;
              return told ? [entry, begin, { ...begin, atMs: entry.atMs + 1_300, phase: 'end' }] : [entry];
            }
            case 'readings':
              return [{ ...entry, readings: entry.readings.filter(isNoLagOfFirst) }];
            case 'slice-end': {
              const operations = entry.load.operations.map((operation) =>
                operation.class === 'read'
                  ? { ...operation, servedBy: { primary: 500, replica2: 500 } }
                  : operation,
              );
              return [{ ...entry, load: { ...entry.load, operations } }];
            }
            default:
              return [entry];
          }
        },
      ),
    );
  };
  const isNoLagOfFirst = ({ probe, subject }: Reading): boolean => probe !== 'lag' || subject !== 'replica1';

  test('are no reason to doubt the routing or the lag', () => {
    expect(findings(lossy(false))).toEqual(
      expect.arrayContaining(['warning reads-on-primary', 'warning lag-missing']),
    );
    const result = lossy(true);
    expect(findings(result)).toEqual([]);
    expect(result.arms[1]?.slices.find(({ kind }) => kind === 'steady')?.faults).toHaveLength(1);
  });

  test.each([
    // Two seconds before it take 6.7 s, three of it 10 s.
    ['kill of 0.9 s', 3, { kind: 'kill', node: 'replica1', from: 0.3, to: 0.6 }, 10],
    ['one that nothing was before', 2, { kind: 'kill', node: 'replica1', from: 0, to: 0.6 }, 5],
    ['one just after the start', 20, { kind: 'pause', node: 'replicas', from: 0.05 }, 40],
  ] as const)('are told when they are too short: %s', (_, sliceSeconds, fault, needed) => {
    const judge = (seconds: number) =>
      foldJournal(
        buildJournal({
          blocks: 2,
          sliceMs: 2_000,
          plan: { sliceSeconds: seconds },
          scenario: { faults: [fault] },
        }),
      ).validity.findings.filter(({ id }) => id === 'fault-short');
    expect(judge(sliceSeconds)).toMatchObject([
      { severity: 'warning', message: expect.stringContaining(`use --slice-seconds ${needed} or more`) },
    ]);
    expect(judge(needed)).toEqual([]);
  });

  test('are long enough when they are broken all the time', () => {
    expect(of({ scenario: { faults: [{ kind: 'pause', node: 'replica1', from: 0 }] } })).toEqual([]);
  });
});

test('answers without the version that they should tell are told', () => {
  const empty = { session: [], entity: [], write: [], version: [], sentUs: [], tookUs: [], node: [] };
  const result = foldJournal(
    buildJournal(small).map((entry): JournalEntry => {
      if (entry.type !== 'slice-end' || entry.arm !== 'replicated' || entry.kind !== 'steady') return entry;
      const history = { ...empty, entities: [], nodes: [], withoutVersion: 21 };
      return { ...entry, load: { ...entry.load, history } };
    }),
  );
  expect(result.validity.findings).toMatchObject([
    {
      severity: 'warning',
      id: 'versions-missing',
      message: expect.stringMatching(/^42 answers of replicated/),
    },
  ]);
});
