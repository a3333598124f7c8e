import type { ArmResult, ComparisonRow, Finding, RunPlan, RunResult } from '../model.ts';
import { mergeFindings } from './findings.ts';
import { compareArms } from './fold.ts';
import { median } from './median.ts';
import { conclude } from './verdict.ts';

/** Beyond this share the arms did different work in the steady slices. */
const rateTolerance = 0.02;

/**
 * Why two runs of single arms may not be compared, one phrase a difference (`cores: 2 and 4`); empty
 * when they may. The commit is not among the conditions: comparing two commits is what such runs are
 * for. Nor are measured times and server settings: a primary with replicas has some of its own.
 */
export function differences(one: Conditions, other: Conditions): readonly string[] {
  const [left, right] = [conditions(one), conditions(other)];
  return Object.keys(left)
    .filter((name) => JSON.stringify(left[name]) !== JSON.stringify(right[name]))
    .map((name) =>
      name === 'scenario' ? 'scenario' : `${name}: ${String(left[name])} and ${String(right[name])}`,
    );
}

/**
 * One result out of two runs of a single arm each, the baseline first. The arms were not interleaved,
 * so no row gets a verdict, and blocks are not paired. Where the arms were offered different rates
 * there are no ratios. Run id, start, command and fingerprint are the
 * candidate's.
 * @throws Error when a run has more than one arm or both measured the same one
 */
export function combineRuns(baseline: RunResult, candidate: RunResult): RunResult {
  const [before, after] = [onlyArm(baseline), onlyArm(candidate)];
  if (before.name === after.name) {
    throw new Error(`both runs measured the arm ${before.name}: ${baseline.runId} and ${candidate.runId}`);
  }
  const sameRate = offeredAlike(steadyRateHz(baseline), steadyRateHz(candidate));
  const findings = mergeFindings([
    ...baseline.validity.findings,
    ...candidate.validity.findings,
    notInterleaved(baseline, candidate),
    ...(sameRate ? [] : [ratesDiffer(baseline, candidate)]),
  ]);
  const validity = { ok: findings.every(({ severity }) => severity !== 'invalid'), findings };
  const objectives = [...baseline.objectives, ...candidate.objectives];
  const completion = worseCompletion(baseline.completion, candidate.completion);
  const arms = [before, after];
  const rows = compareArms(arms, false);
  return {
    ...candidate,
    interleaved: false,
    completion,
    calibration: baseline.calibration ?? candidate.calibration,
    validity,
    arms,
    comparison: sameRate ? rows : rows.map(withoutRatio),
    objectives,
    steps: [...baseline.steps, ...candidate.steps],
    ...conclude({ completion, validity, objectives }),
  };
}

/** Rate that the steady slices of a run offered, requests per second; null when it has none. */
export function steadyRateHz(run: RunResult): number | null {
  const steady = run.arms.flatMap((arm) => arm.slices).filter(({ kind }) => kind === 'steady');
  return median(steady.flatMap((slice) => slice.offeredRateHz ?? []));
}

/** What a plan says before anything was measured, and a result afterwards. */
export type Conditions = Pick<
  RunPlan,
  'application' | 'scenario' | 'seed' | 'nodeCpus' | 'limitMethod' | 'fingerprint'
> & { readonly sliceSeconds?: number };

function conditions(run: Conditions): Readonly<Record<string, unknown>> {
  const {
    fsyncMs: _fsync,
    gitCommit: _commit,
    gitDirty: _dirty,
    postgresSettings: _settings,
    ...machine
  } = run.fingerprint;
  return {
    application: run.application,
    scenario: run.scenario,
    seed: run.seed,
    'slice length': run.sliceSeconds,
    'cores per node': run.nodeCpus,
    'limit method': run.limitMethod,
    ...machine,
  };
}

function onlyArm(run: RunResult): ArmResult {
  const [arm, ...others] = run.arms;
  if (arm === undefined || others.length > 0) {
    throw new Error(
      `run ${run.runId} has ${run.arms.length} arms; only runs of a single arm can be combined`,
    );
  }
  return arm;
}

function notInterleaved(baseline: RunResult, candidate: RunResult): Finding {
  const named = (run: RunResult): string => `${onlyArm(run).name} in run ${run.runId} (${run.startedAt})`;
  return {
    severity: 'warning',
    id: 'not-interleaved',
    message: `${named(baseline)} and ${named(candidate)} were not measured in turns: what changed on the machine in between is part of every difference, and no interval covers it; use compare for a verdict`,
  };
}

function ratesDiffer(baseline: RunResult, candidate: RunResult): Finding {
  const named = (run: RunResult): string =>
    `${steadyRateHz(run)?.toFixed(1) ?? 'no'} requests/s to ${onlyArm(run).name}`;
  return {
    severity: 'warning',
    id: 'offered-rate-differs',
    message: `the steady slices offered ${named(baseline)} and ${named(candidate)}: throughput, latency, CPU and lag cannot be compared; use compare, or remove the older run and measure both arms again`,
  };
}

function offeredAlike(one: number | null, other: number | null): boolean {
  if (one === null || other === null) return false;
  return Math.abs(one - other) <= rateTolerance * Math.max(one, other);
}

/** Also QPS: the class that is held at a fixed rate beside the saturated one was offered more or less. */
function withoutRatio(row: ComparisonRow): ComparisonRow {
  if (row.metric === 'errors.ratio') return row;
  return { ...row, ratio: null, ciLow: null, ciHigh: null, confidence: null };
}

const worstFirst = ['failed', 'interrupted', 'cut-off', 'completed'] as const;

function worseCompletion(
  one: RunResult['completion'],
  other: RunResult['completion'],
): RunResult['completion'] {
  const rank = ({ outcome }: RunResult['completion']): number => worstFirst.indexOf(outcome);
  const { outcome, reason } = rank(one) <= rank(other) ? one : other;
  return {
    outcome,
    reason,
    plannedBlocks: Math.min(one.plannedBlocks, other.plannedBlocks),
    finishedBlocks: Math.min(one.finishedBlocks, other.finishedBlocks),
  };
}
