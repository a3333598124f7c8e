import { readCounts } from '../../analysis/environment.ts';
import type { RunResult, SliceKind } from '../../model.ts';
import { formatCount, formatShare } from '../numbers.ts';
import type { Chart } from './chart.ts';
import { areaMark, armClass, legend } from './legend.ts';
import { hint, tag, text, widthOf } from './svg.ts';

const kinds = ['steady', 'read-saturation', 'write-saturation'] as const;

/** Which node answered the reads, one bar for each arm and kind of slice; null when no answer was named. */
export function readsByNodeChart(result: RunResult, width: number): Chart | null {
  const bars = result.arms.flatMap((arm, index) =>
    kinds.flatMap((kind) => {
      const bar = countsOf(result, index, kind);
      return bar.total === 0 ? [] : [{ arm: index, name: arm.name, kind, ...bar }];
    }),
  );
  if (bars.length === 0) return null;
  const nodes = [...new Set(bars.flatMap(({ counts }) => [...counts.keys()]))].sort(byRank);
  const keys = legend(
    nodes.map((node) => ({ label: nameOf(node), mark: areaMark(null, shadeOf(node)) })),
    0,
    14,
    width,
  );
  const stacked = width < 560;
  const labels = stacked ? 0 : Math.max(...bars.map(({ name, kind }) => widthOf(`${name}, ${kind}`))) + 12;
  const rowHeight = stacked ? 42 : 30;
  const top = keys.height + 6;
  const rows = bars.map(({ arm, name, kind, counts, total }, row) => {
    const y = top + row * rowHeight;
    const barY = stacked ? y + 18 : y + 4;
    let x = labels;
    const parts = nodes.flatMap((node) => {
      const count = counts.get(node) ?? 0;
      const share = count / total;
      const length = share * (width - labels);
      const from = x;
      x += length;
      if (count === 0) return [];
      const words = formatShare(share);
      const rect = tag('rect', {
        x: from,
        y: barY,
        width: Math.max(1, length - 1),
        height: 20,
        class: shadeOf(node),
      });
      const inside = length > widthOf(words, 11) + 12;
      return [
        tag(
          'g',
          {},
          hint(`${name}, ${kind}: ${nameOf(node)} ${words} (${formatCount(count)} reads)`),
          rect,
          inside
            ? text(from + 6, barY + 14, words, { class: shadeOf(node) === 'deep' ? 'small strong' : 'small' })
            : '',
        ),
      ];
    });
    const label = text(0, stacked ? y + 13 : barY + 14, `${name}, ${kind}`, {
      class: stacked ? 'small' : '',
    });
    return label + tag('g', { class: armClass(arm) }, ...parts);
  });
  return {
    id: 'reads-by-node',
    title: 'Reads by the node that answered them',
    description: bars
      .map(({ name, kind, counts, total }) => `${name}, ${kind}: ${sharesOf(nodes, counts, total)}.`)
      .join(' '),
    width,
    height: top + bars.length * rowHeight + 2,
    body: keys.svg + rows.join(''),
  };
}

function countsOf(
  result: RunResult,
  arm: number,
  kind: SliceKind,
): { readonly counts: ReadonlyMap<string, number>; readonly total: number } {
  const slices = result.arms[arm]?.slices.filter((slice) => slice.kind === kind) ?? [];
  const counts = readCounts(slices);
  return { counts, total: [...counts.values()].reduce((sum, count) => sum + count, 0) };
}

function sharesOf(nodes: readonly string[], counts: ReadonlyMap<string, number>, total: number): string {
  return nodes
    .filter((node) => counts.has(node))
    .map((node) => `${nameOf(node)} ${formatShare((counts.get(node) ?? 0) / total)}`)
    .join(', ');
}

/** Neighbours differ; the names stand in the same order as the parts of the bars. */
function shadeOf(node: string): string {
  if (node === 'primary') return 'deep';
  const replica = /^replica(\d+)$/.exec(node)?.[1];
  return replica === undefined ? 'faint' : Number(replica) % 2 === 1 ? 'mid' : 'light';
}

/** Primary, replicas by number, cache, not named. */
function byRank(a: string, b: string): number {
  const rank = (node: string): number => ['primary', 'cache', ''].indexOf(node);
  const place = (node: string): number => ({ 0: 0, 1: 2, 2: 3 })[rank(node)] ?? 1;
  return place(a) - place(b) || a.localeCompare(b, 'en', { numeric: true });
}

function nameOf(node: string): string {
  return node === '' ? 'not named' : node === 'cache' ? 'from the cache' : node;
}
