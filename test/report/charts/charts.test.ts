import { describe, expect, test } from 'vitest';
import { combineRuns } from '../../../bench/analysis/combine.ts';
import { joinViews, type RunView } from '../../../bench/analysis/run-view.ts';
import type { JournalEntry } from '../../../bench/model.ts';
import { type Chart, inlineSvg, standaloneSvg } from '../../../bench/report/charts/chart.ts';
import { runCharts } from '../../../bench/report/charts/run-charts.ts';
import { buildJournal } from '../../analysis/journal-builder.ts';
import { builtView, cutOffView, gateView, viewOf } from '../view-of.ts';

const compared = builtView();
const charts = runCharts(compared);
const drawings = (view: RunView): readonly Chart[] =>
  runCharts(view).flatMap(({ wide, narrow }) => [wide, ...(narrow === null ? [] : [narrow])]);
const chart = (view: RunView, id: string): Chart => {
  const found = runCharts(view).find((one) => one.id === id);
  if (found === undefined) throw new Error(`there is no chart ${id}`);
  return found.wide;
};

describe('the pictures of a run', () => {
  // After a wanted change: npm test -- test/report/charts -u, and look at the files in a browser.
  test.each(charts.map(({ id, wide }) => [id, wide] as const))('%s is as agreed', async (id, wide) => {
    await expect(standaloneSvg(wide)).toMatchFileSnapshot(`golden/${id}.svg`);
  });

  test('of a gate has its margins, as agreed', async () => {
    await expect(standaloneSvg(chart(gateView(), 'gate'))).toMatchFileSnapshot('golden/gate.svg');
  });

  test('are those that there is something to show in', () => {
    const ids = (view: RunView): readonly string[] => runCharts(view).map(({ id }) => id);
    const common = ['latency-read', 'latency-write', 'timeline', 'blocks', 'reads-by-node'];
    expect(ids(compared)).toEqual(['effects', ...common]);
    expect(ids(gateView())).toEqual(['gate', 'effects', ...common]);
    expect(ids(builtView({ replicated: null }))).toEqual(common);
    expect(ids(viewOf(buildJournal().slice(0, 6)))).toEqual([]);
  });

  test('are the same characters for the same data', () => {
    expect(drawings(builtView())).toEqual(drawings(compared));
  });

  test('stay inside their frame and are whole, of any journal that was cut off', () => {
    const journal = buildJournal({ blocks: 2, sliceMs: 1000 });
    const views = Array.from({ length: Math.floor(journal.length / 9) }, (_, step) =>
      viewOf(journal.slice(0, step * 9 + 1)),
    );
    for (const view of [...views, cutOffView(), gateView(), builtView({ containers: true, blocks: 1 })])
      for (const { id, body, width, height } of drawings(view)) {
        expect(body, id).not.toMatch(/NaN|undefined|Infinity|null|\[object/);
        expectBalanced(body);
        for (const [, x] of body.matchAll(/ (?:x|x1|x2|cx)="(-?[\d.]+)"/g)) {
          expect(Number(x), id).toBeGreaterThanOrEqual(-1);
          expect(Number(x), id).toBeLessThanOrEqual(width + 1);
        }
        for (const [, y] of body.matchAll(/ (?:y1|y2|cy)="(-?[\d.]+)"/g))
          expect(Number(y), id).toBeLessThanOrEqual(height + 1);
      }
  });

  test('of two runs that were not interleaved show both arms', () => {
    const baseline = builtView({ replicated: null });
    const alone = buildJournal({ seed: 2 }).flatMap((entry): JournalEntry[] => {
      if (entry.type === 'plan')
        return [{ ...entry, plan: { ...entry.plan, arms: entry.plan.arms.slice(1) } }];
      return 'arm' in entry && entry.arm !== 'replicated' ? [] : [entry];
    });
    const candidate = viewOf(alone);
    const joined = joinViews(combineRuns(baseline.result, candidate.result), baseline, candidate);
    expect(chart(joined, 'latency-read').description).toMatch(/^baseline: .*replicated: /);
    expect(chart(joined, 'timeline').description).toContain('36 measured slices');
    // Blocks of different runs are no pairs.
    expect(chart(joined, 'blocks').body).not.toMatch(/first|no difference/);
    expect(chart(joined, 'blocks').body.match(/<title>replicated, block/g)).toHaveLength(4 * 6);
  });
});

describe('whoever does not see a picture', () => {
  test.each(charts.map(({ id, wide }) => [id, wide] as const))('is told what is in %s', (id, wide) => {
    const svg = inlineSvg(wide, '-x');
    expect(svg).toContain('role="img"');
    expect(svg).toContain(`aria-labelledby="chart-${id}-x-title chart-${id}-x-desc"`);
    expect(svg).toContain(`<title id="chart-${id}-x-title">${wide.title}</title>`);
    expect(wide.description.length).toBeGreaterThan(60);
  });

  test('hears the figures of result.json', () => {
    const { result, curves } = compared;
    const row = result.comparison.find(({ metric }) => metric === 'read.qps');
    expect(row?.ratio).toBeCloseTo(2.13, 2);
    expect(chart(compared, 'effects').description).toContain('read.qps: +113 % [+97 to +119], better.');
    const merged = curves.find((curve) => curve.arm === 'baseline' && curve.class === 'read')?.merged;
    expect(chart(compared, 'latency-read').description).toContain(
      `${merged?.count.toLocaleString('en')} requests`,
    );
  });

  test('is read names from outside as text', () => {
    const evil = '<script>alert(1)</script>&\u0001';
    const renamed = (view: RunView): RunView => ({
      ...view,
      result: {
        ...view.result,
        arms: view.result.arms.map((arm) => ({ ...arm, name: `${arm.name}${evil}` })),
      },
    });
    for (const one of drawings(renamed(compared))) {
      expect(standaloneSvg(one)).not.toMatch(/<script|&(?!lt;|gt;|amp;|quot;|#39;)/);
      expect(standaloneSvg(one)).not.toContain('\u0001');
      expect(one.body.includes('alert(1)') ? one.body : '&lt;script&gt;').toContain('&lt;script&gt;');
    }
  });
});

/** Every element that begins ends, in the right order. */
function expectBalanced(xml: string): void {
  const open: string[] = [];
  for (const [, closing, name, rest] of xml.matchAll(/<(\/?)([a-z]+)([^>]*)>/g)) {
    if (closing === '/') expect(open.pop()).toBe(name);
    else if (!(rest ?? '').endsWith('/')) open.push(name ?? '');
  }
  expect(open).toEqual([]);
}
