import type { ArmResult, Consistency, Quantiles, RunResult } from '../../model.ts';
import { formatCount, formatNumber, formatShare, missing } from '../numbers.ts';
import { right, type Section, section, type Table, table } from '../section.ts';

/** What clients saw: stale reads and broken session guarantees, by node, and how soon writes became visible. */
export function consistencySection(result: RunResult): Section | null {
  const arms = result.arms.flatMap((arm) => {
    const slices = steadyOf(arm);
    return slices.length === 0 ? [] : [{ name: arm.name, slices }];
  });
  if (arms.length === 0) return null;
  return section('consistency', 'What clients saw', [
    table(
      ['arm', 'node', right('reads'), right('stale'), right('own writes missed'), right('went back')],
      arms.flatMap(({ name, slices }) => rowsByNode(name, slices)),
    ),
    table(
      ['arm', 'of stale reads', right('P50'), right('P95'), right('P99'), right('max')],
      arms.flatMap(({ name, slices }) => stalenessRows(name, slices)),
    ),
    freshnessTable(arms),
    describeUntold(arms),
    'Of the steady slices, all blocks together. A write counts from its answer on, so that every figure is a lower bound: what was committed and not yet answered accuses nobody. Quantiles are the largest of any block. Terms: Terry et al. 1994 (session guarantees); Bailis et al. 2012 (t- and k-staleness, and the curve).',
  ]);
}

function steadyOf(arm: ArmResult): readonly Consistency[] {
  return arm.slices.flatMap(({ kind, consistency }) =>
    kind === 'steady' && consistency !== undefined ? [consistency] : [],
  );
}

function describeUntold(
  arms: readonly { readonly name: string; readonly slices: readonly Consistency[] }[],
): string {
  const told = arms.flatMap(({ name, slices }) => {
    const count = slices.reduce((sum, { withoutVersion }) => sum + withoutVersion, 0);
    return count === 0 ? [] : [`${formatCount(count)} of ${name}`];
  });
  return told.length === 0
    ? ''
    : `Answers that told no version, and are in no figure here: ${told.join(', ')}.`;
}

function rowsByNode(arm: string, slices: readonly Consistency[]): readonly (readonly string[])[] {
  const names = [...new Set(slices.flatMap(({ byNode }) => Object.keys(byNode)))].sort();
  return names.map((node) => {
    const own = slices.flatMap(({ byNode }) => byNode[node] ?? []);
    const sum = (pick: (one: (typeof own)[number]) => number): number =>
      own.reduce((total, one) => total + pick(one), 0);
    const reads = sum((one) => one.reads);
    const stale = sum((one) => one.stale);
    return [
      arm,
      node === '' ? 'not named' : node,
      formatCount(reads),
      `${formatCount(stale)} (${formatShare(reads === 0 ? 0 : stale / reads)})`,
      formatCount(sum((one) => one.ownWriteViolations)),
      formatCount(sum((one) => one.monotonicViolations)),
    ];
  });
}

function stalenessRows(arm: string, slices: readonly Consistency[]): readonly (readonly string[])[] {
  const row = (
    what: string,
    pick: (slice: Consistency) => Quantiles | null,
  ): readonly (readonly string[])[] => {
    const all = slices.map(pick).filter((quantiles) => quantiles !== null);
    if (all.length === 0) return [];
    const largest = (name: keyof Quantiles): string => formatNumber(Math.max(...all.map((one) => one[name])));
    return [[arm, what, largest('p50'), largest('p95'), largest('p99'), largest('max')]];
  };
  return [
    ...row('age of what was missed (ms)', ({ staleMs }) => staleMs),
    ...row('versions behind', ({ staleVersions }) => staleVersions),
  ];
}

/** P(fresh | time since the write), arms side by side. */
function freshnessTable(
  arms: readonly { readonly name: string; readonly slices: readonly Consistency[] }[],
): Table {
  const bounds = [
    ...new Set(
      arms.flatMap(({ slices }) =>
        slices.flatMap(({ freshness }) => freshness.map(({ belowMs }) => belowMs)),
      ),
    ),
  ].sort((a, b) => (a ?? Number.POSITIVE_INFINITY) - (b ?? Number.POSITIVE_INFINITY));
  return table(
    ['fresh, by time since the write', ...arms.map(({ name }) => right(name))],
    bounds.map((belowMs) => [
      belowMs === null ? 'later' : `below ${formatNumber(belowMs)} ms`,
      ...arms.map(({ slices }) => {
        const own = slices.flatMap(({ freshness }) => freshness.filter((bin) => bin.belowMs === belowMs));
        const reads = own.reduce((sum, bin) => sum + bin.reads, 0);
        const fresh = own.reduce((sum, bin) => sum + bin.fresh, 0);
        return reads === 0 ? missing : `${formatShare(fresh / reads)} (n = ${formatCount(reads)})`;
      }),
    ]),
  );
}
