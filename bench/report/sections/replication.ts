import { readCounts } from '../../analysis/environment.ts';
import { known, median } from '../../analysis/median.ts';
import type { ArmResult, LagSummary, RunResult, SliceKind } from '../../model.ts';
import { formatCount, formatNumber, formatShare } from '../numbers.ts';
import { right, type Section, section, table } from '../section.ts';

const kinds = ['steady', 'read-saturation', 'write-saturation'] as const;

/** Which node answered the reads, as the application itself says. */
export function readsByNodeSection(result: RunResult): Section | null {
  const rows = result.arms.flatMap((arm) => readsByNode(arm));
  if (rows.length === 0) return null;
  return section('reads-by-node', 'Reads per node', [
    table(['arm', 'node', ...kinds.map((kind) => right(kind))], rows),
    'Share of the read answers, and their number over all blocks, by the `x-db-node` header of each answer.',
    ...result.arms.flatMap((arm) => describeCache(arm)),
  ]);
}

/** One sentence where the application tells of a read cache. */
function describeCache(arm: ArmResult): readonly string[] {
  const shares = kinds.flatMap((kind) => {
    const slices = arm.slices.filter((slice) => slice.kind === kind);
    const hits = median(known(slices.map(({ app }) => app.cacheHitPercent)));
    const errors = median(known(slices.map(({ app }) => app.cacheErrorPercent)));
    if (hits === null || errors === null) return [];
    const failed = errors === 0 ? '' : ` (it failed for ${formatShare(errors / 100)})`;
    return [`${formatShare(hits / 100)} at ${kind}${failed}`];
  });
  if (shares.length === 0) return [];
  return [
    `The read cache of ${arm.name} answered ${shares.join(', ')} of the reads that it was asked for, by the application's own count (median over the blocks). Those reads cost the nodes nothing: figures with a cache are not the nodes'.`,
  ];
}

function readsByNode(arm: ArmResult): readonly (readonly string[])[] {
  const byKind = kinds.map((kind) => readCounts(arm.slices.filter((slice) => slice.kind === kind)));
  const names = [...new Set([...arm.nodes, ...byKind.flatMap((counts) => [...counts.keys()])])];
  const totals = byKind.map((counts) => [...counts.values()].reduce((sum, count) => sum + count, 0));
  if (totals.every((total) => total === 0)) return [];
  return names.map((name) => [
    arm.name,
    name === '' ? 'not named' : name === 'cache' ? 'none: from the cache' : name,
    ...byKind.map((counts, index) => {
      const total = totals[index] ?? 0;
      const count = counts.get(name) ?? 0;
      return total === 0 ? '–' : `${formatShare(count / total)} (${formatCount(count)})`;
    }),
  ]);
}

/** How far each replica was behind, in time and bytes, beside what PostgreSQL's own view shows. */
export function lagSection(result: RunResult): Section | null {
  const arms = result.arms.filter((arm) => arm.replicas > 0 && arm.slices.length > 0);
  const rows = arms.flatMap((arm) =>
    kinds.flatMap((kind) => arm.nodes.slice(1).flatMap((replica) => lagRow(arm, kind, replica))),
  );
  if (arms.length === 0) return null;
  const conflicts = arms.flatMap((arm) => arm.slices.map((slice) => slice.conflicts));
  return section('lag', 'Replication lag', [
    rows.length === 0
      ? 'No lag was observed; nothing can be said about it.'
      : table(
          [
            'slice',
            'replica',
            right('samples'),
            right('P50 (ms)'),
            right('P95 (ms)'),
            right('max (ms)'),
            right('certain max (ms)'),
            right('max (bytes)'),
            right('view: max replay_lag (ms)'),
          ],
          rows,
        ),
    `Lag is the age of the oldest change that the replica has not replayed, from samples of the primary's write position. P50, P95 and max are of upper bounds; they lie above the truth by as much as two answers of the replica are apart: a few milliseconds, or more where a node at its quota answers late. The certain max is the largest lower bound. P50 and P95 are medians over the blocks, the maxima are over all. \`replay_lag\` of \`pg_stat_replication\` stands beside it for comparison: it is empty when idle and keeps its last value while replay stands still. Queries cancelled by replay (\`pg_stat_database_conflicts\`): ${describeConflicts(conflicts)}. WAL written by the primary: ${arms.map(describeWal).join('; ')}.`,
  ]);
}

function lagRow(arm: ArmResult, kind: SliceKind, replica: string): readonly (readonly string[])[] {
  const lags = arm.slices
    .filter((slice) => slice.kind === kind)
    .flatMap((slice) => slice.lag[replica] ?? [])
    .filter((lag) => lag.samples > 0);
  if (lags.length === 0) return [];
  const middle = (pick: (lag: LagSummary) => number | null): string =>
    formatNumber(median(lags.map(pick).filter((value) => value !== null)));
  const largest = (pick: (lag: LagSummary) => number | null): number | null => {
    const known = lags.map(pick).filter((value) => value !== null);
    return known.length === 0 ? null : Math.max(...known);
  };
  return [
    [
      kind,
      replica,
      formatCount(lags.reduce((sum, lag) => sum + lag.samples, 0)),
      middle((lag) => lag.p50Ms),
      middle((lag) => lag.p95Ms),
      formatNumber(largest((lag) => lag.maxMs)),
      formatNumber(largest((lag) => lag.maxLowerMs)),
      formatCount(largest((lag) => lag.maxBytes)),
      formatNumber(largest((lag) => lag.viewMaxMs)),
    ],
  ];
}

/** Bytes per second of each kind of slice, median over the blocks. */
function describeWal(arm: ArmResult): string {
  const rates = kinds.map((kind) => {
    const slices = arm.slices.filter((slice) => slice.kind === kind && slice.walBytes !== null);
    const perSecond = median(slices.map((slice) => ((slice.walBytes ?? 0) / slice.durationMs) * 1000));
    return `${kind} ${perSecond === null ? 'not observed' : `${formatNumber(perSecond / 1000)} kB/s`}`;
  });
  return rates.join(', ');
}

function describeConflicts(counts: readonly (number | null)[]): string {
  const known = counts.filter((count) => count !== null);
  return known.length === 0 ? 'not observed' : formatCount(known.reduce((sum, count) => sum + count, 0));
}
