import type { ArmResult, ComparisonRow, Finding, Fingerprint, MetricId, RunResult } from '../model.ts';
import { mergeFindings } from './findings.ts';
import { compareArms } from './fold.ts';
import { median } from './median.ts';
import { conclude } from './verdict.ts';

/** Beyond this share the arms did different work in the steady slices. */
const rateTolerance = 0.02;

/** What differs from run to run on an unchanged machine, and so does not forbid a comparison. */
const volatile: ReadonlySet<keyof Fingerprint> = new Set(['fsyncMs', 'gitDirty', 'postgresSettings']);

/**
 * Why two runs must not be compared, one phrase per difference (`cores: 2 and 4`); [] when they may.
 * Scenario, application, quotas and fingerprint count; measured times and server settings do not,
 * because a primary with replicas needs settings that one without does not.
 */
export function whyNotComparable(one: RunResult, other: RunResult): readonly string[] {
  const facts = (run: RunResult): Readonly<Record<string, unknown>> => ({
    ...run.fingerprint,
    scenario: run.scenario,
    application: run.application,
    nodeCpus: run.nodeCpus,
    limitMethod: run.limitMethod,
  });
  const [left, right] = [facts(one), facts(other)];
  return Object.keys(left)
    .filter((name) => !volatile.has(name as keyof Fingerprint))
    .filter((name) => JSON.stringify(left[name]) !== JSON.stringify(right[name]))
    .map((name) =>
      name === 'scenario' ? name : `${name}: ${String(left[name])} and ${String(right[name])}`,
    );
}

/**
 * One result out of two runs of a single arm each, the baseline first. The arms were not interleaved,
 * so no row gets a verdict, and blocks are not paired. Where the arms were offered different rates,
 * everything from the steady slices stays without a ratio. Identity (run id, start, command, fingerprint) is the
 * candidate's.
 * @throws Error when a run has more than one arm or both measured the same one
 */
export function combineRuns(baseline: RunResult, candidate: RunResult): RunResult {
  const [before, after] = [onlyArm(baseline), onlyArm(candidate)];
  if (before.name === after.name) {
    throw new Error(`both runs measured the arm ${before.name}: ${baseline.runId} and ${candidate.runId}`);
  }
  const arms = [before, after];
  const sameRate = offeredAlike(before, after);
  const findings = mergeFindings([
    ...baseline.validity.findings,
    ...candidate.validity.findings,
    notInterleaved(baseline, candidate),
    ...(sameRate ? [] : [ratesDiffer(before, after)]),
  ]);
  const validity = { ok: findings.every(({ severity }) => severity !== 'invalid'), findings };
  const objectives = [...baseline.objectives, ...candidate.objectives];
  const completion = worseCompletion(baseline.completion, candidate.completion);
  const rows = compareArms(arms, false);
  return {
    ...candidate,
    interleaved: false,
    completion,
    calibration: baseline.calibration ?? candidate.calibration,
    validity,
    arms,
    comparison: sameRate ? rows : rows.map(withoutSteadyRatio),
    objectives,
    steps: [...baseline.steps, ...candidate.steps],
    ...conclude({ completion, validity, objectives }),
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
  return {
    severity: 'warning',
    id: 'not-interleaved',
    message: `${onlyArm(baseline).name} was measured at ${baseline.startedAt} and ${onlyArm(candidate).name} at ${candidate.startedAt}, not in turns: whatever changed on the machine between them is in the difference, and no interval covers it; run "replibench compare" for a verdict`,
  };
}

function ratesDiffer(before: ArmResult, after: ArmResult): Finding {
  const show = (arm: ArmResult): string => (steadyRate(arm) ?? 0).toFixed(0);
  return {
    severity: 'warning',
    id: 'offered-rate-differs',
    message: `the steady slices of ${before.name} offered ${show(before)} requests/s and those of ${after.name} ${show(after)}: latency, CPU and lag cannot be compared; measure the second arm at the rate of the first`,
  };
}

function offeredAlike(before: ArmResult, after: ArmResult): boolean {
  const [one, other] = [steadyRate(before), steadyRate(after)];
  if (one === null || other === null) return false;
  return Math.abs(one - other) <= rateTolerance * Math.max(one, other);
}

function steadyRate(arm: ArmResult): number | null {
  const steady = arm.slices.filter((slice) => slice.kind === 'steady');
  return median(steady.flatMap((slice) => slice.offeredRateHz ?? []));
}

const fromSaturation: ReadonlySet<MetricId> = new Set(['read.qps', 'write.qps', 'errors.ratio']);

function withoutSteadyRatio(row: ComparisonRow): ComparisonRow {
  if (fromSaturation.has(row.metric)) return row;
  return { ...row, ratio: null, ciLow: null, ciHigh: null, confidence: null };
}

const outcomesFromWorst = ['failed', 'interrupted', 'cut-off', 'completed'] as const;

function worseCompletion(
  one: RunResult['completion'],
  other: RunResult['completion'],
): RunResult['completion'] {
  const rank = (completion: RunResult['completion']): number => outcomesFromWorst.indexOf(completion.outcome);
  const { outcome, reason } = rank(one) <= rank(other) ? one : other;
  return {
    outcome,
    reason,
    plannedBlocks: Math.min(one.plannedBlocks, other.plannedBlocks),
    finishedBlocks: Math.min(one.finishedBlocks, other.finishedBlocks),
  };
}
