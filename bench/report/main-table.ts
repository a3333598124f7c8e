import type { ArmResult, MetricId, RunResult } from '../model.ts';
import { comparisonRow, reportedArms } from './arms.ts';
import { checkClaim, claims, claimsApply } from './claims.ts';
import { formatChange, formatChangeInterval, formatNumber, missing } from './numbers.ts';
import { cpuUnit, hasQuota } from './quota.ts';

export interface MainRow {
  readonly metric: MetricId;
  readonly label: string;
  /** One cell per arm, baseline first. */
  readonly values: readonly string[];
  readonly change: string;
  readonly interval: string;
  readonly claimed: string;
  readonly agrees: string;
}

/** The seven figures that the claims are about, as cells; units are in the labels. */
export function mainRows(result: RunResult): readonly MainRow[] {
  const { baseline, candidate } = reportedArms(result);
  const arms = [baseline, candidate].filter((arm) => arm !== undefined);
  // Without quotas the nodes are no machines, and out of turn the interval does not cover the difference.
  const judgeable = result.interleaved && hasQuota(result) && result.validity.ok;
  return mainMetrics.map(({ metric, label }) => {
    const row = comparisonRow(result, metric);
    return {
      metric,
      label: label(result),
      values: arms.map((arm) => formatValue(arm, metric)),
      change: formatChange(row?.ratio ?? null),
      interval: formatChangeInterval(row?.ciLow ?? null, row?.ciHigh ?? null),
      claimed: claimsApply(candidate) ? (claims[metric]?.text ?? '') : '',
      agrees: judgeable && claimsApply(candidate) ? checkClaim(metric, row, candidate) : '',
    };
  });
}

/** Whether any arm has any figure at all: a table of dashes says nothing. */
export function hasFigures(result: RunResult): boolean {
  return result.arms.some((arm) => Object.keys(arm.metrics).length > 0);
}

/**
 * `12,000 [11,800 to 12,300]`: median of the blocks and its interval, or the range of the blocks when
 * they are too few for one.
 */
export function formatValue(arm: ArmResult, metric: MetricId): string {
  const found = arm.metrics[metric];
  if (found === undefined) return missing;
  const values = found.perBlock.map(({ value }) => value);
  if (values.length < 2) return formatNumber(found.value);
  const [low, high] = [found.low ?? Math.min(...values), found.high ?? Math.max(...values)].map(formatNumber);
  return `${formatNumber(found.value)} [${low} to ${high}]`;
}

const mainMetrics: readonly {
  readonly metric: MetricId;
  readonly label: (result: RunResult) => string;
}[] = [
  { metric: 'read.qps', label: () => 'Read QPS (1/s)' },
  { metric: 'write.qps', label: () => 'Write QPS (1/s)' },
  { metric: 'read.p95Ms', label: () => 'P95 read (ms)' },
  { metric: 'write.p95Ms', label: () => 'P95 write (ms)' },
  { metric: 'primary.cpuPercent', label: (result) => `CPU of the primary (${cpuUnit(result)})` },
  { metric: 'replicas.cpuPercent', label: (result) => `CPU of the replicas, mean (${cpuUnit(result)})` },
  { metric: 'lag.p95Ms', label: () => 'Replication lag, P95 (ms)' },
];
