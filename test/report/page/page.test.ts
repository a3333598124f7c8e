import { describe, expect, test } from 'vitest';
import type { RunView } from '../../../bench/analysis/run-view.ts';
import { renderFiles } from '../../../bench/report/files.ts';
import { embeddedJson } from '../../../bench/report/page/html.ts';
import { renderPage } from '../../../bench/report/page/page.ts';
import { buildJournal } from '../../analysis/journal-builder.ts';
import { builtView, cutOffView, gateView, viewOf } from '../view-of.ts';
import {
  embeddedResult,
  numbersIn,
  type SeenTable,
  sectionOf,
  tablesOf,
  textOf,
  tilesOf,
} from './read-html.ts';

const runs: readonly (readonly [string, RunView])[] = [
  ['a comparison', builtView()],
  ['a single arm', builtView({ replicated: null })],
  ['a run that was cut off', cutOffView()],
  ['a gate', gateView()],
  ['containers', builtView({ containers: true, blocks: 2 })],
];

describe.each(runs)('report.html of %s', (_name, view) => {
  const { result } = view;
  const html = renderPage(view);
  const fileText = renderFiles(view).find(({ path }) => path === 'result.json')?.text ?? '';

  test('holds the very result.json that is beside it', () => {
    expect(embeddedResult(html)).toEqual(JSON.parse(fileText));
  });

  test('shows the figures of result.json in its table of metrics', () => {
    if (result.arms.length < 2) return;
    const [table] = tablesOf(sectionOf(html, 'metrics'));
    expect(table?.rows.map(([metric]) => metric)).toEqual(result.comparison.map(({ metric }) => metric));
    result.comparison.forEach((row, index) => {
      const cell = (head: string): string => cellOf(table, index, head);
      expectNumber(cell(result.arms[0]?.name ?? ''), row.baseline);
      expectNumber(cell(result.arms[1]?.name ?? ''), row.candidate);
      expectChange(cell('change'), row.ratio);
      expectChange(cell('interval (%)').split(' to ')[0] ?? '', row.ciLow);
      expectChange(cell('interval (%)').split(' to ')[1] ?? '', row.ciHigh);
      expect(cell('n')).toBe(String(row.blocks));
    });
  });

  test('shows the values of all blocks', () => {
    const [table] = tablesOf(sectionOf(html, 'blocks'));
    for (const arm of result.arms)
      for (const { block, value } of arm.metrics['read.qps']?.perBlock ?? []) {
        const row = table?.rows.findIndex(([first]) => first === String(block)) ?? -1;
        const values = cellOf(table, row, 'read QPS (1/s)').split(' → ');
        expectNumber(values[result.arms.indexOf(arm)] ?? '', value);
      }
  });

  test('says verdict, exit code, key figures with interval and n before its first section', () => {
    const opening = textOf(html.slice(html.indexOf('<main>'), html.indexOf('<nav')));
    expect(opening).toContain(`exit code ${result.exitCode}`);
    expect(opening).toMatch(/^. (PASS|FAIL|CUT OFF|INCONCLUSIVE)/);
    expect(opening).toMatch(/n = \d/);
    for (const { id, severity, message } of result.validity.findings)
      if (id === 'few-requests' && severity === 'warning') expect(opening).toContain(message.slice(1));
  });

  test('asks nobody for anything', () => {
    expect(html).toContain("default-src 'none'");
    // Neither a source, nor a link, nor a style that would be fetched; namespaces of drawings are only names.
    expect(html).not.toMatch(/\s(src|srcset|data|poster|action)=/);
    expect(html).not.toMatch(/url\((?!#)|@import|https?:\/\//);
    for (const [, target] of html.matchAll(/href="([^"]*)"/g)) expect(target).toMatch(/^(#|data:,$)/);
  });

  test('is whole: every link has its section, every id is there once, nothing is undefined', () => {
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(ids).toEqual([...new Set(ids)]);
    for (const [, id] of html.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(id);
    expect(textOf(html.replace(/<(script|style)[\s\S]*?<\/\1>/g, ''))).not.toMatch(
      /NaN|undefined|Infinity|\[object/,
    );
  });
});

describe('the key figures', () => {
  test('of a comparison are those of result.json', () => {
    const view = builtView({ blocks: 7 });
    const row = view.result.comparison.find(({ metric }) => metric === 'read.qps');
    const tile = tilesOf(renderPage(view)).find(([label]) => label?.startsWith('Read QPS')) ?? [];
    expectChange(tile[1] ?? '', row?.ratio ?? null);
    expect(numbersIn(tile[2] ?? '')[0]).toBe(Math.round(((row?.ciLow ?? 0) - 1) * 100));
    expect(tile[3]).toBe(`${((row?.confidence ?? 0) * 100).toFixed(1)} % interval, n = 7`);
    expectNumber(tile[4]?.split(' → ')[0] ?? '', row?.baseline ?? null);
    expectNumber(tile[4]?.split(' → ')[1] ?? '', row?.candidate ?? null);
    expect(tile[5]).toBe('✓ better');
  });

  test('of a gate are its metrics with their verdicts, and so is its table', () => {
    const view = gateView();
    const html = renderPage(view);
    const rows = view.result.gate?.rows ?? [];
    const [table] = tablesOf(sectionOf(html, 'gate'));
    const tiles = tilesOf(html);
    expect(tiles).toHaveLength(rows.length);
    rows.forEach((row, index) => {
      const tile = tiles[index] ?? [];
      expect(tile[0]).toContain(row.metric);
      expect(tile.at(-1)).toContain(row.verdict);
      expect(cellOf(table, index, 'verdict')).toContain(row.verdict);
      if (row.effect === null) return;
      expect(numbersIn(tile[1] ?? '')[0]).toBeCloseTo(row.effect * 100, 1);
      const [effect, low, high] = numbersIn(cellOf(table, index, 'worse by [interval]'));
      expect(effect).toBeCloseTo(row.effect * 100, 1);
      expect(low).toBeCloseTo((row.low ?? 0) * 100, 1);
      expect(high).toBeCloseTo((row.high ?? 0) * 100, 1);
    });
  });

  test('stand beside what must be known to use them', () => {
    const html = renderPage(builtView({ plan: { nodeCpus: null, limitMethod: 'none' } }));
    const answer = /<section class="answer cautious"[\s\S]*?<\/section>/.exec(html)?.[0] ?? '';
    expect(textOf(answer)).toContain('The PostgreSQL nodes have no CPU quota');
    expect(textOf(answer)).toContain('read QPS');
  });
});

describe('text from outside', () => {
  const evil = '</script><script>alert(1)</script><!--&\u2028';

  test('inside the page is text, inside its JSON the same value', () => {
    const view = builtView({ blocks: 1, plan: { application: evil, command: evil } });
    const html = renderPage(view);
    expect(html).not.toContain('<script>alert');
    expect(html.match(/<script[ >]/g)).toHaveLength(2);
    expect(embeddedResult(html)).toEqual(JSON.parse(JSON.stringify(view.result)));
    expect(textOf(sectionOf(html, 'environment'))).toContain('alert(1)');
  });

  test('embedded as JSON can end nothing and begin nothing', () => {
    const html = embeddedJson('x', { [evil]: evil });
    expect(html.match(/<|>/g)).toHaveLength(4);
    expect(html).not.toContain('\u2028');
  });
});

test('a run without a finished slice has a page, too', () => {
  const html = renderPage(viewOf(buildJournal().slice(0, 6)));
  expect(textOf(html)).toContain('No slice was finished, so nothing can be said.');
  expect(html).toContain('id="not-shown"');
});

test('the same run gives the same page', () => {
  expect(renderPage(builtView({ blocks: 2 }))).toBe(renderPage(builtView({ blocks: 2 })));
});

function cellOf(table: SeenTable | undefined, row: number, head: string): string {
  const column = table?.heads.indexOf(head) ?? -1;
  const cell = table?.rows[row]?.[column];
  if (cell === undefined)
    throw new Error(`there is no cell ${row} of "${head}" in ${table?.heads.join(', ')}`);
  return cell;
}

/** Shown with three significant digits. */
function expectNumber(shown: string, value: number | null): void {
  if (value === null) expect(shown).toBe('–');
  else
    expect(Math.abs((numbersIn(shown)[0] ?? Number.NaN) - value)).toBeLessThanOrEqual(
      Math.abs(value) * 0.005 + 1e-9,
    );
}

/** Shown as a signed percentage, whole from 10 % on. */
function expectChange(shown: string, ratio: number | null): void {
  if (ratio === null) expect(numbersIn(shown)).toEqual([]);
  else expect(Math.abs((numbersIn(shown)[0] ?? Number.NaN) - (ratio - 1) * 100)).toBeLessThanOrEqual(0.5001);
}
