import type { ArmResult, ComparisonRow, MetricId } from '../model.ts';

/**
 * What the document that this project began from ("Fase 4.2: PostgreSQL Primary-Replica Replication")
 * claims for a primary with two replicas, as changes against the primary alone: figures to be checked,
 * never targets to be met.
 */
export interface Claim {
  readonly text: string;
  /** Claimed ratio replicated / baseline. */
  readonly ratio?: number;
  /** Claimed absolute value of the replicated arm. */
  readonly value?: number;
  /** Claimed upper bound of the replicated arm. */
  readonly max?: number;
}

export const claims: Readonly<Partial<Record<MetricId, Claim>>> = {
  'read.qps': { text: '+140 %', ratio: 2.4 },
  'write.qps': { text: '0 %', ratio: 1 },
  'read.p95Ms': { text: '\u221247 %', ratio: 0.53 },
  'write.p95Ms': { text: '0 %', ratio: 1 },
  'primary.cpuPercent': { text: '\u221257 %', ratio: 0.43 },
  'replicas.cpuPercent': { text: '35 % each', value: 35 },
  'lag.p95Ms': { text: '< 100 ms', max: 100 },
};

/** The claims are about two replicas; beside any other number, or two builds of one kind, they would mislead. */
export function claimsApply(candidate: ArmResult | undefined): boolean {
  return candidate?.replicas === 2 && candidate.build === undefined;
}

/**
 * Whether the measured interval contains the claim: `yes`, `no, less`, `no, more`, or '' when there is
 * no interval of 95 % to say so with.
 */
export function checkClaim(
  metric: MetricId,
  row: ComparisonRow | undefined,
  candidate: ArmResult | undefined,
): string {
  const claim = claims[metric];
  if (claim === undefined) return '';
  if (claim.ratio !== undefined) {
    if (row?.confidence === null || row === undefined || row.confidence < 0.95) return '';
    return place(claim.ratio, row.ciLow, row.ciHigh);
  }
  const measured = candidate?.metrics[metric];
  if (measured === undefined || measured.low === null || measured.high === null) return '';
  if (claim.max !== undefined) {
    if (measured.high < claim.max) return 'yes';
    return measured.low >= claim.max ? 'no, more' : '';
  }
  return claim.value === undefined ? '' : place(claim.value, measured.low, measured.high);
}

function place(claim: number, low: number | null, high: number | null): string {
  if (low === null || high === null) return '';
  if (high < claim) return 'no, less';
  return low > claim ? 'no, more' : 'yes';
}
