import type { Build, GateResult, GateRow, ObjectiveResult, RunResult } from '../../../bench/model.ts';
import type { GateRun } from '../../../bench/report/gate/words.ts';
import { foldJournal } from '../../analysis/fold-journal.ts';
import { buildJournal } from '../../analysis/journal-builder.ts';

const measured = foldJournal(buildJournal({ blocks: 2, sliceMs: 1000, seed: 3 }));

export const mainBuild: Build = {
  ref: 'main',
  commit: '1a2b3c4d5e6f708192a3b4c5d6e7f80912345678',
  dirty: false,
};
export const workingTree: Build = {
  ref: 'working tree',
  commit: '9f8e7d6c5b4a39281706f5e4d3c2b1a098765432',
  dirty: true,
};

const decided = { blocks: 8, confidence: 0.984375 } as const;

/** CPU per request that is clearly worse. */
export const failedRow: GateRow = {
  ...decided,
  metric: 'app.cpuMsPerRequest',
  minEffect: 0.03,
  tolerance: 0.08,
  unit: 'ms',
  direction: 'lower-is-better',
  reference: 0.512,
  candidate: 0.571,
  effect: 0.112,
  low: 0.081,
  high: 0.14,
  failP: 0.0039,
  adjustedFailP: 0.0156,
  passP: 0.94,
  verdict: 'fail',
  sentence: 'app.cpuMsPerRequest is worse by 11 % [+8.1 to +14], n = 8 blocks.',
};
/** Reads per second that are shown to be about the same. */
export const passedRow: GateRow = {
  ...decided,
  metric: 'read.qps',
  minEffect: 0.05,
  tolerance: 0.1,
  unit: '1/s',
  direction: 'higher-is-better',
  reference: 1_204,
  candidate: 1_190,
  effect: 0.012,
  low: -0.02,
  high: 0.041,
  failP: 0.23,
  adjustedFailP: 0.46,
  passP: 0.0039,
  verdict: 'pass',
  sentence: 'read.qps is most likely worse by 1.2 %, and by less than 10 %.',
};
/** P95 of reads whose interval spans everything. */
export const openRow: GateRow = {
  ...decided,
  metric: 'read.p95Ms',
  minEffect: 0.08,
  tolerance: 0.15,
  unit: 'ms',
  direction: 'lower-is-better',
  reference: 21.4,
  candidate: 23.1,
  effect: 0.079,
  low: -0.093,
  high: 0.27,
  failP: 0.19,
  adjustedFailP: 0.46,
  passP: 0.13,
  verdict: 'inconclusive',
  sentence: 'read.p95Ms may be worse by 27 % or better by 9.3 %: the blocks differ too much.',
};
/** A metric that no block has a value of. */
export const missingRow: GateRow = {
  ...openRow,
  metric: 'write.p95Ms',
  minEffect: 0.1,
  tolerance: 0.2,
  reference: null,
  candidate: null,
  blocks: 0,
  effect: null,
  low: null,
  high: null,
  confidence: null,
  failP: null,
  adjustedFailP: null,
  passP: null,
  sentence: 'write.p95Ms was not measured.',
};

export const keptGuard: ObjectiveResult = {
  metric: 'errors.ratio',
  max: 0.01,
  value: 0.0002,
  verdict: 'pass',
  sentence: 'errors.ratio of candidate is 0.02 %, at most 1.0 %.',
};

/**
 * The result of a gate that was never run: two blocks of pretended traffic, and whatever the test says of
 * the gate. Verdict and exit code are the test's own business, as nothing is judged here.
 */
export function gateRun(gate: Partial<GateResult> = {}, run: Partial<RunResult> = {}): GateRun {
  const rows = gate.rows ?? [failedRow, passedRow, openRow, missingRow];
  const verdict = gate.verdict ?? 'fail';
  const names = [
    { name: 'reference', build: mainBuild },
    { name: 'candidate', build: workingTree },
  ];
  return {
    ...measured,
    runId: '20261126T010203Z-read-heavy-abc123',
    startedAt: '2026-11-26T01:02:03.456Z',
    command: 'npm run bench:gate -- --against main',
    arms: measured.arms.map((arm, index) => ({
      ...arm,
      replicas: 0,
      routing: 'primary-only',
      ...names[index],
    })),
    completion: { outcome: 'completed', reason: null, plannedBlocks: 24, finishedBlocks: 8 },
    objectives: [],
    verdict: verdict === 'invalid' ? 'inconclusive' : verdict,
    exitCode: { pass: 0, fail: 1, inconclusive: 4, invalid: 3 }[verdict],
    ...run,
    gate: {
      rules: {
        metrics: rows.map(({ metric, minEffect, tolerance }) => ({ metric, minEffect, tolerance })),
        guards: [{ metric: 'errors.ratio', max: 0.01 }],
        looks: [8, 14, 24],
        alpha: 0.05,
      },
      looks: [{ blocks: 8, rows }],
      rows,
      guards: [keptGuard],
      verdict,
      sentence: rows[0]?.sentence ?? 'no block was measured.',
      ...gate,
    },
  };
}
