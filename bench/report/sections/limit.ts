import { readCounts } from '../../analysis/environment.ts';
import type { ArmResult, RunResult, SliceKind } from '../../model.ts';
import { comparisonRow, reportedArms } from '../arms.ts';
import { formatChange, formatChangeInterval, formatNumber, formatPlural, missing } from '../numbers.ts';
import { cpuUnit, hasQuota, isQuotaAtSaturationOnly } from '../quota.ts';
import { list, percent, type Section, section, type Table, table } from '../section.ts';

const kinds = ['read-saturation', 'write-saturation', 'steady'] as const;

/** "Why not double?": which station limits each arm, and what the added nodes could explain. */
export function limitSection(result: RunResult): Section | null {
  const arms = result.arms.filter((arm) => Object.keys(arm.bottleneck).length > 0);
  if (arms.length === 0) return null;
  const title = result.arms.length > 1 ? 'Why not double?' : 'What limits it?';
  return section('limits', title, [
    expectation(result),
    list(arms.flatMap(limitSentences)),
    ...arms.map((arm) => utilisationTable(arm)),
    `Utilisation: median over the blocks. Nodes in ${nodeUnit(result)}, application and generator in percent of one core or of a smaller quota, host in percent of all cores. A station at 85 % or more is taken to be used up.`,
  ]);
}

function nodeUnit(result: RunResult): string {
  return isQuotaAtSaturationOnly(result) ? '% of quota, at the steady rate of one core' : cpuUnit(result);
}

function limitSentences(arm: ArmResult): readonly string[] {
  return (['read-saturation', 'write-saturation'] as const).flatMap((kind) => {
    const bottleneck = arm.bottleneck[kind];
    return bottleneck === undefined ? [] : [`**${arm.name}, ${kind}:** ${bottleneck.sentence}`];
  });
}

/**
 * What the nodes would explain by themselves, beside what was measured. Reads move to nodes that do
 * nothing else, away from one that also spends a share of itself on writes; replay, which costs the
 * replicas something, is left out, so this is a bound from above. Without quotas more nodes are no
 * more CPU, and nothing is expected.
 */
function expectation(result: RunResult): string {
  if (!hasQuota(result)) return '';
  const { baseline, candidate } = reportedArms(result);
  const row = comparisonRow(result, 'read.qps');
  if (baseline === undefined || candidate === undefined || row === undefined || row.ratio === null) return '';
  // Nodes explain nothing of what a cache answered.
  if ([baseline, candidate].some((arm) => readCounts(arm.slices).has('cache'))) return '';
  const [before, after] = [baseline, candidate].map((arm) => servingNodes(arm));
  if (before === undefined || after === undefined || before === 0 || after === 0) return '';
  const measured = `${formatChange(row.ratio)} ${formatChangeInterval(row.ciLow, row.ciHigh)}`.trim();
  const nodes = `At read saturation ${formatPlural(after, 'node')} served the reads of ${candidate.name}, ${formatPlural(before, 'node')} those of ${baseline.name}: ${formatChange(after / before)} if nothing else counted.`;
  const writes = writeShareOfPrimary(candidate);
  if (writes === null || writes >= 0.9) return `${nodes} Measured is ${measured}.`;
  const bound = after / before / (1 - writes);
  return `${nodes} The primary of ${candidate.name}, which serves no reads, spends ${formatNumber(writes * 100)} % of its quota on writes and replication; the baseline has so much less left for reads, which makes at most ${formatChange(bound)}. Measured is ${measured}${judge(row.ciLow, row.ciHigh, bound)}.`;
}

/** CPU of the primary at read saturation, 0..1 of its quota; null when it serves reads as well. */
function writeShareOfPrimary(arm: ArmResult): number | null {
  const slices = arm.slices.filter((slice) => slice.kind === 'read-saturation');
  if ((readCounts(slices).get('primary') ?? 0) > 0) return null;
  const use = arm.bottleneck['read-saturation']?.utilisation.find(({ station }) => station === 'primary');
  return use?.percent === null || use?.percent === undefined ? null : use.percent / 100;
}

function judge(low: number | null, high: number | null, bound: number): string {
  if (low === null || high === null) return '';
  if (low > bound) return ': more than that, so something else differs between the arms, too';
  if (high < bound) return ': less, because replay and whatever limits below takes its share';
  return '; its interval contains the bound';
}

/** Nodes that answered at least one read in twenty. */
function servingNodes(arm: ArmResult): number {
  const counts = readCounts(arm.slices.filter((slice) => slice.kind === 'read-saturation'));
  counts.delete('cache');
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return [...counts].filter(([name, count]) => name !== '' && count / total >= 0.05).length;
}

function utilisationTable(arm: ArmResult): Table {
  const stations = kinds.flatMap((kind) => arm.bottleneck[kind]?.utilisation.map((use) => use.station) ?? []);
  const find = (kind: SliceKind, station: string) =>
    arm.bottleneck[kind]?.utilisation.find((use) => use.station === station);
  return table(
    [`${arm.name}: station`, ...kinds.map((kind) => percent(`${kind} (%)`)), 'at read saturation'],
    [...new Set(stations)].map((station) => [
      station,
      ...kinds.map((kind) => formatNumber(find(kind, station)?.percent ?? null)),
      find('read-saturation', station)?.note ?? missing,
    ]),
  );
}
