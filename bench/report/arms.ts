import type { ArmResult, ComparisonRow, MetricId, RunResult } from '../model.ts';

export interface ReportedArms {
  /** The arm that the others are measured against; the only one of a run of a single arm. */
  readonly baseline: ArmResult | undefined;
  readonly candidate: ArmResult | undefined;
}

/** Which arm is which; the same rule as the comparison's. */
export function reportedArms(result: RunResult): ReportedArms {
  const baseline = result.arms.find(({ name }) => name === 'baseline') ?? result.arms[0];
  return { baseline, candidate: result.arms.find((arm) => arm !== baseline) };
}

export function comparisonRow(result: RunResult, metric: MetricId): ComparisonRow | undefined {
  return result.comparison.find((row) => row.metric === metric);
}
