import type { RunResult } from '../../model.ts';
import { reportedArms } from '../arms.ts';
import { claimsApply } from '../claims.ts';
import { hasFigures, mainRows } from '../main-table.ts';
import { formatConfidence, formatPlural } from '../numbers.ts';
import { right, type Section, section, table } from '../section.ts';

/** The seven figures that the claims are about, of both arms, with what the intervals are. */
export function effectSection(result: RunResult): Section | null {
  const { baseline, candidate } = reportedArms(result);
  if (baseline === undefined || !hasFigures(result)) return null;
  const rows = mainRows(result);
  if (candidate === undefined) {
    const cells = rows.map(({ label, values }) => [label, ...values]);
    return section('effect', 'Figures', [table(['', right(baseline.name)], cells), explainValues(result)]);
  }
  const claimed = claimsApply(candidate);
  const heads = [
    '',
    right(baseline.name),
    right(candidate.name),
    right('change [interval]'),
    ...(claimed ? [right('claimed'), 'claim inside the interval?'] : []),
  ];
  const cells = rows.map(({ label, values, change, interval, claimed: claim, agrees }) => [
    label,
    ...values,
    `${change} ${interval}`.trim(),
    ...(claimed ? [claim, agrees] : []),
  ]);
  return section('effect', 'Effect', [
    table(heads, cells),
    `${explainChange(result)} ${explainValues(result)}`,
    claimed ? claimsNote : '',
  ]);
}

const claimsNote =
  'Claimed: the figures of the document that this project began from ("Fase 4.2: PostgreSQL Primary-Replica Replication"), for two replicas, on other hardware, with other data and another application. They are here to be compared with, not to be met.';

function explainChange(result: RunResult): string {
  const confidences = [...new Set(result.comparison.map(({ confidence }) => confidence))]
    .filter((confidence) => confidence !== null)
    .sort((a, b) => a - b);
  const [lowest] = confidences;
  const blocks = Math.max(0, ...result.comparison.map((row) => row.blocks));
  const { baseline, candidate } = reportedArms(result);
  const arms = `${candidate?.name} / ${baseline?.name}`;
  const method = result.interleaved
    ? `Change: Hodges-Lehmann estimate of ${arms} over pairs of blocks, exact signed-rank interval`
    : `Change: Hodges-Lehmann estimate of ${arms}, exact rank-sum interval`;
  if (lowest === undefined) return `${method}: none, with ${formatPlural(blocks, 'block')} in common.`;
  const weak = lowest < 0.95 ? ', which is too little to conclude anything: measure at least 6 blocks' : '';
  return `${method} with ${confidences.map(formatConfidence).join(' to ')} confidence, n = ${formatPlural(blocks, 'block')}${weak}. It is made of the ratios inside the blocks, and need not equal the ratio of the two medians beside it.`;
}

function explainValues(result: RunResult): string {
  const counts = result.arms.flatMap((arm) => Object.values(arm.metrics).map(({ blocks }) => blocks));
  const few = Math.max(0, ...counts) < 6;
  const brackets = few
    ? 'the smallest and the largest block (fewer than 6 blocks give no 95 % interval)'
    : 'an interval that covers the true median with at least 95 % confidence';
  return `Values: median over the blocks, in brackets ${brackets}. QPS is successful requests per second with a closed loop at saturation, the other class at a fixed rate; everything else is from the steady slices, where all arms get the same requests at the same due times. P95 counts from the due time of a request. The lag of all replicas is one distribution of samples, each an upper bound.`;
}
