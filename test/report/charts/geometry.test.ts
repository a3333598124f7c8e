/** That pictures say the same as their numbers: read back from the drawing, by its own axis. */
import { describe, expect, test } from 'vitest';
import { curveQuantiles } from '../../../bench/analysis/percentile-curve.ts';
import { effectChart, gateChart } from '../../../bench/report/charts/effects.ts';
import { percentileChart } from '../../../bench/report/charts/percentiles.ts';
import { timelineChart } from '../../../bench/report/charts/timeline.ts';
import { numbersIn } from '../page/read-html.ts';
import { builtView, gateView } from '../view-of.ts';

const view = builtView({ blocks: 7 });

describe.each([920, 352])('at a width of %i', (width) => {
  test('effects and intervals are where the axis says', () => {
    const body = effectChart(view.result, width)?.body ?? '';
    const ratioAt = readRatioAxis(body);
    const rows = view.result.comparison.filter(({ ratio }) => ratio !== null);
    expect(rows.length).toBeGreaterThan(8);
    const drawn = readRows(body);
    expect(drawn).toHaveLength(rows.length);
    rows.forEach((row, index) => {
      const { marker, from, to } = drawn[index] ?? {};
      expect(ratioAt(marker), row.metric).toBeCloseTo(row.ratio ?? 0, 1);
      expect(ratioAt(from), row.metric).toBeCloseTo(row.ciLow ?? 0, 1);
      expect(ratioAt(to), row.metric).toBeCloseTo(row.ciHigh ?? 0, 1);
    });
  });

  test('a gate has its margins and its verdicts where the axis says', () => {
    const { result } = gateView();
    const body = gateChart(result, width)?.body ?? '';
    const ratioAt = readRatioAxis(body);
    const rows = result.gate?.rows.filter(({ effect }) => effect !== null) ?? [];
    const drawn = readRows(body);
    expect(drawn).toHaveLength(rows.length);
    rows.forEach((row, index) => {
      const { marker, from, to, bands = [], filled } = drawn[index] ?? {};
      expect(ratioAt(marker)).toBeCloseTo(1 + (row.effect ?? 0), 2);
      expect(ratioAt(from)).toBeCloseTo(1 + (row.low ?? 0), 2);
      expect(ratioAt(to)).toBeCloseTo(1 + (row.high ?? 0), 2);
      expect(bands.map((x) => Math.abs(Number((ratioAt(x) - 1).toFixed(2))))).toEqual([
        0,
        row.minEffect,
        row.minEffect,
        row.tolerance,
      ]);
      expect(filled).toBe(row.verdict !== 'inconclusive');
    });
  });
});

test('an effect beyond the paper has an arrow, and its interval stays on it', () => {
  const [first, ...others] = gateView().result.gate?.rows ?? [];
  if (first === undefined) throw new Error('there is no row');
  const { result } = gateView({ rows: [{ ...first, effect: 30, low: 25, high: 60 }, ...others] });
  const chart = gateChart(result, 920);
  const [row] = readRows(chart?.body ?? '');
  expect(row?.to).toBeLessThan(920);
  expect(chart?.body).toMatch(/<path d="M[\d.]+ [\d.]+L[\d.]+ [\d.]+L[\d.]+ [\d.]+" class="line"\/>/);
});

test('a percentile curve goes through the quantiles of its histogram', () => {
  const body = percentileChart(view.curves, 'read', ['baseline', 'replicated'], 448)?.body ?? '';
  const paths = [...body.matchAll(/<path d="([^"]+)" class="line"\/>/g)].map(([, d = '']) =>
    numbersIn(d.replaceAll(/[ML]/g, ' ')),
  );
  const msAt = readMsAxis(body);
  const curves = view.curves
    .filter((curve) => curve.class === 'read')
    .sort((a, b) => a.arm.localeCompare(b.arm));
  expect(paths).toHaveLength(curves.length);
  curves.forEach(({ merged }, index) => {
    const ys = (paths[index] ?? []).filter((_, position) => position % 2 === 1);
    expect(ys).toHaveLength(merged.ms.length);
    for (const quantile of [0.5, 0.95, 0.99]) {
      const at = curveQuantiles.indexOf(quantile);
      expect(msAt(ys[at] ?? 0) / (merged.ms[at] ?? 0)).toBeCloseTo(1, 1);
    }
  });
});

test('the thick lines of the timeline are the values of the slices', () => {
  const body = timelineChart(view.result, view.timeline, 920)?.body ?? '';
  const [, panel = ''] = /CPU of the nodes \(cores[^)]*\)([\s\S]*?)CPU of the application/.exec(body) ?? [];
  const ticks = [...panel.matchAll(/<text x="38" y="([\d.]+)"[^>]*>([\d.]+)</g)].map(
    ([, y, value]) => [Number(y) - 4, Number(value)] as const,
  );
  const [[y0 = 0, v0 = 0] = [], [y1 = 1, v1 = 1] = []] = [ticks[0] ?? [], ticks.at(-1) ?? []];
  const drawn = [
    ...panel.matchAll(/<line x1="[\d.]+" y1="([\d.]+)" x2="[\d.]+" y2="[\d.]+" class="line plain"\/>/g),
  ].map(([, y]) => v0 + ((Number(y) - y0) / (y1 - y0)) * (v1 - v0));
  const wanted = view.timeline.slices.map(
    ({ arm, block, kind }) =>
      view.result.arms
        .find(({ name }) => name === arm)
        ?.slices.find((slice) => slice.block === block && slice.kind === kind)?.cpu['primary']?.cores ?? -1,
  );
  expect(drawn).toHaveLength(wanted.length);
  drawn.forEach((cores, index) => {
    expect(cores).toBeCloseTo(wanted[index] ?? -1, 2);
  });
});

interface DrawnRow {
  readonly marker: number;
  readonly from: number;
  readonly to: number;
  readonly filled: boolean;
  /** Edges of the bands, from left to right. */
  readonly bands: readonly number[];
}

function readRows(body: string): readonly DrawnRow[] {
  return [...body.matchAll(/<g><title>[^<]*<\/title>([\s\S]*?)<\/g>/g)].map(([, inside = '']) => {
    const [from = 0, to = 0] = [
      ...(/<line x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)" y2="[\d.]+" class="line"/.exec(inside) ?? []),
    ]
      .slice(1)
      .map(Number);
    const marker = /<path d="M([\d.]+) [\d.]+L([\d.]+) [^"]*Z" class="(fill|hollow)"/.exec(inside) ?? [];
    const bands = [...inside.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)].flatMap(
      ([, x, wide]) => [Number(x), Number(x) + Number(wide)],
    );
    return { from, to, marker: Number(marker[2]), filled: marker[3] === 'fill', bands };
  });
}

/** From the labels of the axis: what ratio a place stands for. */
function readRatioAxis(body: string): (x: number | undefined) => number {
  const ticks = [
    ...body.matchAll(/<text x="([\d.]+)" y="[\d.]+" class="middle muted small">([^<]+) %</g),
  ].map(([, x, label]) => [Number(x), Math.log(1 + (numbersIn(label ?? '')[0] ?? 0) / 100)] as const);
  return (x) => Math.exp(along(ticks, x ?? Number.NaN));
}

function readMsAxis(body: string): (y: number) => number {
  const ticks = [...body.matchAll(/<text x="38" y="([\d.]+)" class="end muted small">([\d.,]+)</g)].map(
    ([, y, label]) => [Number(y) - 4, Math.log(numbersIn(label ?? '')[0] ?? 1)] as const,
  );
  return (y) => Math.exp(along(ticks, y));
}

/** A straight line through the first and the last of the ticks. */
function along(ticks: readonly (readonly [number, number])[], at: number): number {
  const sorted = [...ticks].sort(([a], [b]) => a - b);
  const [[x0, v0], [x1, v1]] = [sorted[0] ?? [0, 0], sorted.at(-1) ?? [1, 1]];
  expect(sorted.length).toBeGreaterThan(1);
  return v0 + ((at - x0) / (x1 - x0)) * (v1 - v0);
}
