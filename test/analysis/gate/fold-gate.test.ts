import { describe, expect, test } from 'vitest';
import { createJournalFold } from '../../../bench/analysis/fold.ts';
import { gateDecided } from '../../../bench/analysis/gate/decided.ts';
import { EnvironmentError, type GateRules, type JournalEntry, type RunResult } from '../../../bench/model.ts';
import { resultSchema } from '../../../bench/report/result-schema.ts';
import { foldJournal } from '../fold-journal.ts';
import { type ArmBehaviour, buildJournal, type JournalOptions } from '../journal-builder.ts';

const rules: GateRules = {
  metrics: [
    { metric: 'read.p95Ms', minEffect: 0.08, tolerance: 0.15 },
    { metric: 'read.qps', minEffect: 0.05, tolerance: 0.1 },
  ],
  guards: [{ metric: 'errors.ratio', max: 0.01 }],
  looks: [7, 10],
  alpha: 0.05,
};
const same: Partial<ArmBehaviour> = { readQps: 1000, writeQps: 400, readMs: 6, writeMs: 9, lagMs: 0 };

/** A gate of two arms that behave alike, but for what is given of the candidate. */
function gateJournal(
  candidate: Partial<ArmBehaviour> = {},
  options: JournalOptions = {},
): readonly JournalEntry[] {
  return buildJournal({
    blocks: 7,
    sliceMs: 2000,
    ownNoise: 0.02,
    ...options,
    replicated: { ...same, ...candidate },
    plan: { blocks: 10, gate: rules, ...options.plan },
  });
}

const withoutEnd = (journal: readonly JournalEntry[]): readonly JournalEntry[] =>
  journal.filter(({ type }) => type !== 'end');
const endWith = (journal: readonly JournalEntry[], outcome: 'interrupted' | 'failed'): RunResult =>
  foldJournal([...withoutEnd(journal), { type: 'end', atMs: 1e6, outcome, reason: 'the disk is full' }]);

describe('a run that is a gate', () => {
  const passing = gateJournal();

  test('is complete when it was decided, although fewer blocks were measured than planned', () => {
    const result = foldJournal(passing);
    expect(result).toMatchObject({ verdict: 'pass', exitCode: 0, validity: { ok: true, findings: [] } });
    expect(result.completion).toMatchObject({ outcome: 'completed', plannedBlocks: 10, finishedBlocks: 7 });
    expect(result.gate).toMatchObject({ verdict: 'pass', rules });
    expect(resultSchema.safeParse(result).error).toBeUndefined();
  });

  test('takes its verdict from the gate: a failed metric is exit 1, a missed objective is not', () => {
    const slower = foldJournal(gateJournal({ readMs: 8 }));
    expect(slower).toMatchObject({ verdict: 'fail', exitCode: 1 });
    expect(slower.gate?.sentence).toMatch(
      /^The candidate fails after 7 blocks\. Read P95 is 3\d\.\d % higher \[/,
    );
    const missed = gateJournal({}, { scenario: { objectives: [{ metric: 'read.qps', min: 1e9 }] } });
    const result = foldJournal(missed);
    expect(result.objectives.map(({ verdict }) => verdict)).toEqual(['fail', 'fail']);
    expect(result).toMatchObject({ verdict: 'pass', exitCode: 0 });
  });

  test('compares the first arm as the reference, whatever the names', () => {
    const faster = foldJournal(gateJournal({ readMs: 4, readQps: 1400 }));
    expect(faster.verdict).toBe('pass');
    expect(faster.gate?.rows.every(({ effect }) => effect !== null && effect < -0.2)).toBe(true);
  });

  test('with a starved generator is invalid: exit 3, and nothing passes or fails', () => {
    for (const readMs of [6, 9]) {
      const result = foldJournal(gateJournal({ readMs }, { generator: { cpuPercent: 99 } }));
      expect(result).toMatchObject({ verdict: 'inconclusive', exitCode: 3, gate: { verdict: 'invalid' } });
      expect(result.gate?.sentence).toMatch(
        /^The measurement cannot be believed, so nothing passes or fails: .*generator used 99 % of its core/,
      );
    }
  });

  test('fails a candidate of which every fifth request fails; without a guard on errors it is invalid', () => {
    const result = foldJournal(gateJournal({ errorShare: 0.2 }));
    expect(result).toMatchObject({ verdict: 'fail', exitCode: 1, validity: { ok: true } });
    expect(result.validity.findings).toMatchObject([{ id: 'error-ratio', severity: 'warning' }]);
    const unguarded = gateJournal({ errorShare: 0.2 }, { plan: { gate: { ...rules, guards: [] } } });
    expect(foldJournal(unguarded)).toMatchObject({ exitCode: 3, gate: { verdict: 'invalid' } });
  });

  test('never passes a candidate that fails in one block alone', () => {
    const failing = gateJournal({ errorShare: 0.4 });
    const inBlockTwo = (entry: JournalEntry): boolean => 'block' in entry && entry.block === 2;
    const journal = passing.map((entry, index) => (inBlockTwo(entry) ? (failing[index] ?? entry) : entry));
    const result = foldJournal(journal);
    expect(result.gate?.guards).toMatchObject([{ metric: 'errors.ratio', verdict: 'inconclusive' }]);
    expect(result).toMatchObject({ exitCode: 3, gate: { verdict: 'invalid' } });
  });

  test('fails a candidate that answers nothing, if the reference does', () => {
    const result = foldJournal(gateJournal({ errorShare: 1 }));
    expect(result).toMatchObject({ verdict: 'fail', exitCode: 1, validity: { ok: true } });
  });

  test('is invalid when the reference fails so many', () => {
    const baseline = { errorShare: 0.2 };
    for (const errorShare of [0, 0.2]) {
      const result = foldJournal(gateJournal({ errorShare }, { baseline }));
      expect(result).toMatchObject({ exitCode: 3, gate: { verdict: 'invalid' } });
    }
  });

  test('with a slice that failed on the way is invalid', () => {
    const index = passing.findIndex((entry) => entry.type === 'slice-end' && entry.kind === 'steady');
    const lost = passing[index];
    if (lost?.type !== 'slice-end') throw new Error('expected a slice');
    const failed = { ...lost, type: 'slice-failed', reason: 'the application died' } as const;
    const result = foldJournal([...passing.slice(0, index), failed, ...passing.slice(index + 1)]);
    expect(result).toMatchObject({ exitCode: 3, gate: { verdict: 'invalid' } });
  });

  test('that could not decide is exit 0 for whoever tolerates that, and still no pass', () => {
    const tolerant = { ...rules, inconclusive: 'pass' } as const;
    const open = (gate: GateRules, options: JournalOptions = {}): RunResult =>
      foldJournal(gateJournal({}, { ownNoise: 0.5, blocks: 10, ...options, plan: { gate } }));
    expect(open(rules)).toMatchObject({ verdict: 'inconclusive', exitCode: 4 });
    const tolerated = open(tolerant);
    expect(tolerated).toMatchObject({ exitCode: 0, gate: { verdict: 'inconclusive' } });
    expect(resultSchema.safeParse(tolerated).error).toBeUndefined();
    expect(open(tolerant, { generator: { cpuPercent: 99 } })).toMatchObject({ exitCode: 3 });
    const cutOff = withoutEnd(gateJournal({}, { ownNoise: 0.5, blocks: 8, plan: { gate: tolerant } }));
    expect(foldJournal(cutOff)).toMatchObject({ exitCode: 4 });
    expect(foldJournal(gateJournal({ readMs: 8 }, { plan: { gate: tolerant } }))).toMatchObject({
      exitCode: 1,
    });
  });

  test('never passes when it broke off before a decision', () => {
    const early = gateJournal({}, { blocks: 5 });
    const result = foldJournal(early);
    expect(result).toMatchObject({ verdict: 'inconclusive', exitCode: 4, gate: { looks: [] } });
    expect(result.validity.findings).toMatchObject([{ id: 'incomplete' }]);
    expect(foldJournal(withoutEnd(early))).toMatchObject({ verdict: 'inconclusive', exitCode: 4 });
    expect(endWith(early, 'interrupted')).toMatchObject({ verdict: 'inconclusive', exitCode: 130 });
    expect(endWith(early, 'failed')).toMatchObject({ verdict: 'inconclusive', exitCode: 3 });
  });

  test('never passes without its own end, even where its blocks would', () => {
    for (const result of [foldJournal(withoutEnd(passing)), endWith(passing, 'interrupted')]) {
      expect(result).toMatchObject({ verdict: 'inconclusive', gate: { verdict: 'inconclusive' } });
      expect(result.gate?.sentence).toMatch(/^The run did not come to its end, so it passes nothing/);
      expect(result.gate?.rows.map(({ verdict }) => verdict)).toEqual(['pass', 'pass']);
    }
    expect(endWith(passing, 'interrupted').exitCode).toBe(130);
    const failing = withoutEnd(gateJournal({ readMs: 8 }));
    expect(foldJournal(failing)).toMatchObject({ verdict: 'fail', exitCode: 1 });
  });

  test('finishes a block with the slices that its plan asks for', () => {
    const reads = passing.filter((entry) => !('kind' in entry) || entry.kind !== 'write-saturation');
    expect(foldJournal(reads).completion.finishedBlocks).toBe(0);
    const slices = ['steady', 'read-saturation'] as const;
    const limited = reads.map((entry) =>
      entry.type === 'plan' ? { ...entry, plan: { ...entry.plan, slices } } : entry,
    );
    const result = foldJournal(limited);
    expect(result.completion.finishedBlocks).toBe(7);
    expect(result).toMatchObject({ verdict: 'pass', exitCode: 0 });
    const without = limited.filter((entry) => !('kind' in entry) || entry.kind !== 'read-saturation');
    expect(foldJournal(without).completion.finishedBlocks).toBe(0);
  });

  test('carries the record of false alarms that it was started with', () => {
    const gateRecord = { runs: 120, falseAlarms: 0, inconclusive: 3, bound: 0.025 };
    expect(foldJournal(gateJournal({}, { plan: { gateRecord } })).gate?.record).toEqual(gateRecord);
    expect(foldJournal(passing).gate).not.toHaveProperty('record');
  });

  test('needs two arms', () => {
    const single = buildJournal({ blocks: 1, sliceMs: 600, replicated: null, plan: { gate: rules } });
    expect(() => foldJournal(single)).toThrow(EnvironmentError);
    expect(foldJournal(buildJournal({ blocks: 1, sliceMs: 600 }))).not.toHaveProperty('gate');
  });
});

describe('whether a gate is decided', () => {
  /** After each line at which something changed: the number of finished blocks and the answer. */
  function answers(journal: readonly JournalEntry[]): ReadonlyMap<number, boolean> {
    const fold = createJournalFold();
    const seen = new Map<number, boolean>();
    for (const entry of journal) {
      fold.add(entry);
      if (entry.type !== 'slice-end' || entry.kind !== 'write-saturation') continue;
      const result = fold.result();
      seen.set(result.completion.finishedBlocks, gateDecided(result));
    }
    return seen;
  }

  test('changes at a look, not before, for a pass and for a fail', () => {
    for (const candidate of [{}, { readMs: 8 }]) {
      const expected = [0, 1, 2, 3, 4, 5, 6, 7].map((blocks) => [blocks, blocks === 7]);
      expect([...answers(gateJournal(candidate))]).toEqual(expected);
    }
  });

  test('waits for the next look while something is open, and ends at the cap', () => {
    const open = answers(gateJournal({}, { blocks: 10, ownNoise: 0.5, seed: 4 }));
    expect([...open].filter(([, decided]) => decided)).toEqual([[10, true]]);
  });

  test('ends at the first look at which a pass has become impossible', () => {
    const noCpu = { metrics: [{ metric: 'app.cpuMsPerRequest', minEffect: 0.03, tolerance: 0.08 }] } as const;
    const blind = gateJournal({}, { plan: { gate: { ...rules, ...noCpu } } }).map((entry) =>
      entry.type === 'readings'
        ? { ...entry, readings: entry.readings.filter(({ subject }) => subject !== 'app') }
        : entry,
    );
    expect(answers(blind)).toEqual(new Map([0, 1, 2, 3, 4, 5, 6, 7].map((blocks) => [blocks, blocks === 7])));
    expect(foldJournal(blind)).toMatchObject({ verdict: 'inconclusive', exitCode: 4 });
    expect(answers(gateJournal({}, { ownNoise: 0.5, seed: 4, generator: { cpuPercent: 99 } })).get(7)).toBe(
      true,
    );
  });

  test('is never so for a run that is no gate', () => {
    expect(gateDecided(foldJournal(buildJournal({ blocks: 1, sliceMs: 600 })))).toBe(false);
  });
});
