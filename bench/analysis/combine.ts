import type { Fingerprint, RunResult } from '../model.ts';
import { mergeFindings } from './findings.ts';
import { compareArms } from './fold.ts';
import { judgeObjectives } from './objectives.ts';
import { conclude } from './verdict.ts';

/**
 * Why two runs of single arms may not be compared, one line a difference; empty when they may.
 * The commit is not among the conditions: comparing two commits is what such runs are for.
 */
export function differences(a: RunResult, b: RunResult): readonly string[] {
  const conditions = (run: RunResult): Readonly<Record<string, unknown>> => ({
    application: run.application,
    scenario: run.scenario,
    seed: run.seed,
    'slice length': Math.round(run.arms[0]?.slices[0]?.durationMs ?? 0),
    'cores per node': run.nodeCpus,
    'limit method': run.limitMethod,
    ...machineOf(run.fingerprint),
  });
  const [left, right] = [conditions(a), conditions(b)];
  return Object.keys(left)
    .filter((name) => JSON.stringify(left[name]) !== JSON.stringify(right[name]))
    .map((name) => `${name} differs`);
}

/**
 * One result out of two runs of single arms, that of `candidate` with the arm of `baseline` beside
 * it. It is marked as not interleaved: what changed on the machine between the runs is part of every
 * difference, so no row gets a verdict other than inconclusive.
 */
export function combineRuns(baseline: RunResult, candidate: RunResult): RunResult {
  const arms = [...baseline.arms, ...candidate.arms];
  const rates = [baseline, candidate].map((run) => steadyRateHz(run));
  const validity = {
    ok: baseline.validity.ok && candidate.validity.ok,
    findings: mergeFindings([
      ...baseline.validity.findings,
      ...candidate.validity.findings,
      {
        severity: 'warning',
        id: 'not-interleaved',
        message: `baseline was measured in run ${baseline.runId} (${baseline.startedAt}), ${candidate.arms.map(({ name }) => name).join(', ')} in run ${candidate.runId} (${candidate.startedAt}); what changed on the machine in between is part of every difference; use compare for a claim`,
      },
      ...(rates[0] === rates[1]
        ? []
        : [
            {
              severity: 'warning' as const,
              id: 'offered-rate-differs',
              message: `the steady slices offered ${show(rates[0])} to one arm and ${show(rates[1])} to the other; latencies and CPU are not comparable`,
            },
          ]),
    ]),
  };
  const objectives = judgeObjectives(candidate.scenario.objectives, arms);
  const finishedBlocks = Math.min(baseline.completion.finishedBlocks, candidate.completion.finishedBlocks);
  const completion = { ...candidate.completion, finishedBlocks };
  return {
    ...candidate,
    interleaved: false,
    completion,
    validity,
    arms,
    comparison: compareArms(arms, false),
    objectives,
    ...conclude({ completion, validity, objectives }),
  };
}

/** Rate that the steady slices of a run offered; null when it has none. */
export function steadyRateHz(run: RunResult): number | null {
  return run.arms.flatMap((arm) => arm.slices).find(({ kind }) => kind === 'steady')?.offeredRateHz ?? null;
}

function machineOf(fingerprint: Fingerprint): Readonly<Record<string, unknown>> {
  // The time of an fsync varies from run to run, and settings of replication exist on one side only.
  const { fsyncMs: _, gitCommit: _commit, gitDirty: _dirty, ...machine } = fingerprint;
  return machine;
}

function show(rateHz: number | null | undefined): string {
  return rateHz === null || rateHz === undefined ? 'nothing' : `${rateHz.toFixed(1)} requests/s`;
}
