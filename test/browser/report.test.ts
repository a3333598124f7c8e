/** report.html as a browser makes it: opened from disk, in a window and on a telephone, by day and by night. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createViewFold, type RunView } from '../../bench/analysis/run-view.ts';
import { readJournal } from '../../bench/experiment/journal.ts';
import { renderFiles } from '../../bench/report/files.ts';
import { numbersIn } from '../report/page/read-html.ts';
import { builtView, cutOffView, gateView } from '../report/view-of.ts';
import { describeWithBrowser, openBrowser } from './browser.ts';
import { clippedTexts, contrastOf, overlappingTexts } from './looks.ts';

const views: Readonly<Record<string, () => Promise<RunView> | RunView>> = {
  example: committedExample,
  gate: () => gateView(),
  'single arm': () => builtView({ replicated: null }),
  'cut off': () => cutOffView(),
  'many blocks in containers': () => builtView({ containers: true, blocks: 24 }),
};
const names = Object.keys(views);
const sizes = { window: { width: 1200, height: 900 }, telephone: { width: 400, height: 800 } } as const;

describeWithBrowser('report.html in Chromium', () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'report page '));
    for (const [name, make] of Object.entries(views))
      for (const { path, text } of renderFiles(await make())) {
        await mkdir(dirname(join(folder, name, path)), { recursive: true });
        await writeFile(join(folder, name, path), text);
      }
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true });
  });

  /** Opens one page; whatever it complains of or asks for is in `heard`. */
  async function open(
    name: string,
    options: BrowserContextOptions = {},
  ): Promise<{ readonly page: Page; readonly heard: readonly string[] } & AsyncDisposable> {
    const context = await browser.newContext({ viewport: sizes.window, ...options });
    const page = await context.newPage();
    const url = pathToFileURL(join(folder, name, 'report.html')).href;
    const heard: string[] = [];
    page.on('console', (message) => heard.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => heard.push(`error: ${error.message}`));
    page.on('request', (request) => {
      if (request.url() !== url && request.url() !== 'data:,') heard.push(`request: ${request.url()}`);
    });
    await page.goto(url);
    return { page, heard, [Symbol.asyncDispose]: () => context.close() };
  }

  describe.each(names)('%s', (name) => {
    test.each(Object.entries(sizes))(
      'in a %s: no complaint, no request, nothing cut off',
      async (_, viewport) => {
        await using opened = await open(name, { viewport });
        const { page, heard } = opened;
        const widths = await page.evaluate(() => [
          document.documentElement.scrollWidth,
          document.documentElement.clientWidth,
        ]);
        expect(widths[0]).toBe(widths[1]);
        expect(await page.evaluate(clippedTexts)).toEqual([]);
        expect(await page.evaluate(overlappingTexts)).toEqual([]);
        expect(await page.locator('svg.chart:visible').count()).toBeGreaterThan(2);
        expect(heard).toEqual([]);
      },
    );

    test('shows the verdict and the key figures on the first screen', async () => {
      await using opened = await open(name);
      const bottoms = await opened.page
        .locator('.verdict, .answer, .tile:nth-child(-n+4)')
        .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().bottom));
      expect(bottoms.length).toBeGreaterThan(4);
      expect(Math.max(...bottoms)).toBeLessThan(sizes.window.height);
    });
  });

  test.each(['light', 'dark'] as const)('can be read in %s', async (colorScheme) => {
    await using opened = await open('gate', { colorScheme });
    const { page } = opened;
    const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const isDark = numbersIn(paper).every((part) => part < 128);
    expect(isDark).toBe(colorScheme === 'dark');
    const contrasts = await page.evaluate(contrastOf, [
      ['body', 7],
      ['.kicker', 4.5],
      ['.tile dt', 4.5],
      ['.word', 4.5],
      ['aside h2', 4.5],
      ['.judged.good', 4.5],
      ['.judged.bad', 4.5],
      ['.judged.doubt', 4.5],
      ['svg .arm-0', 3],
      ['svg .arm-1', 3],
    ] as const);
    expect(contrasts).toHaveLength(10);
    for (const { selector, contrast, least } of contrasts)
      expect(contrast, selector).toBeGreaterThanOrEqual(least);
  });

  test('sorts its tables by number and by word, with pointer and keys, unknown values last', async () => {
    await using opened = await open('example');
    const { page } = opened;
    const table = page.locator('#metrics table');
    const column = (index: number): Promise<string[]> =>
      table
        .locator('tbody tr')
        .evaluateAll(
          (rows, cell) => rows.map((row) => (row as HTMLTableRowElement).cells[cell]?.textContent ?? ''),
          index,
        );
    const before = await column(0);
    const head = table.getByRole('button', { name: 'baseline' });
    await head.click();
    const numbers = (await column(2)).map((text) => numbersIn(text)[0]);
    const known = numbers.filter((value) => value !== undefined);
    expect(known.length).toBeGreaterThan(8);
    expect(known).toEqual([...known].sort((a, b) => b - a));
    expect(numbers.slice(known.length).every((value) => value === undefined)).toBe(true);
    expect(
      await table
        .locator('th[aria-sort]')
        .evaluateAll((all) => all.map((one) => one.getAttribute('aria-sort'))),
    ).toEqual(['descending']);
    await head.press('Enter');
    const ascending = (await column(2)).map((text) => numbersIn(text)[0]);
    expect(ascending.slice(0, known.length)).toEqual([...known].reverse());
    expect(ascending.slice(known.length).every((value) => value === undefined)).toBe(true);
    await table.getByRole('button', { name: 'metric' }).click();
    expect(await column(0)).toEqual([...before].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })));
    expect(opened.heard).toEqual([]);
  });

  test('shows what its result.json says', async () => {
    await using opened = await open('example');
    const shown = await opened.page
      .locator('#metrics tbody tr')
      .evaluateAll((rows) =>
        rows.map((row) => [...(row as HTMLTableRowElement).cells].map((cell) => cell.textContent ?? '')),
      );
    const result = JSON.parse(await readFile(join(folder, 'example/result.json'), 'utf8'));
    expect(shown.length).toBe(result.comparison.length);
    for (const [index, row] of result.comparison.entries()) {
      expect(shown[index]?.[0]).toBe(row.metric);
      if (row.ratio !== null)
        expect(
          Math.abs((numbersIn(shown[index]?.[4] ?? '')[0] ?? 0) - (row.ratio - 1) * 100),
        ).toBeLessThanOrEqual(0.5);
    }
  });

  test('gives its result.json away as a file', async () => {
    await using opened = await open('gate');
    const saved = opened.page.waitForEvent('download');
    await opened.page.getByRole('button', { name: /save it as/ }).click();
    const download = await saved;
    expect(download.suggestedFilename()).toBe('result.json');
    expect(await readFile(await download.path(), 'utf8')).toBe(
      await readFile(join(folder, 'gate/result.json'), 'utf8'),
    );
  });

  test('says the same without scripts', async () => {
    await using opened = await open('example', { javaScriptEnabled: false });
    expect(await opened.page.locator('#metrics tbody tr').count()).toBeGreaterThan(10);
    expect(await opened.page.locator('svg.chart:visible').count()).toBeGreaterThan(4);
  });

  test('on paper has the wide pictures, no navigation, and ink on white also by night', async () => {
    await using opened = await open('example', {
      viewport: { width: 400, height: 800 },
      colorScheme: 'dark',
    });
    const { page } = opened;
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(await page.locator('nav:visible').count()).toBe(0);
    expect(await page.locator('.narrow:visible').count()).toBe(0);
    expect(await page.locator('.wide:visible').count()).toBeGreaterThan(2);
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(
      'rgb(255, 255, 255)',
    );
  });

  test('has its pictures beside it, each a whole drawing in both schemes', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await using opened = await open('example', { colorScheme });
      for (const id of ['effects', 'timeline', 'latency-read', 'blocks', 'reads-by-node']) {
        const { page, heard } = opened;
        const before = heard.length;
        await page.goto(pathToFileURL(join(folder, 'example/charts', `${id}.svg`)).href);
        const seen = await page.evaluate(() => ({
          root: document.documentElement.nodeName,
          broken: document.querySelector('parsererror') !== null,
          paper: getComputedStyle(document.documentElement).backgroundColor,
          texts: document.querySelectorAll('text').length,
        }));
        expect(seen.root).toBe('svg');
        expect(seen.broken).toBe(false);
        expect(seen.texts).toBeGreaterThan(5);
        expect(numbersIn(seen.paper)[0]).toBe(colorScheme === 'light' ? 255 : 20);
        // Itself, and nothing else.
        expect(heard.slice(before)).toEqual([expect.stringMatching(`^request: .*${id}.svg$`)]);
      }
    }
  });
});

async function committedExample(): Promise<RunView> {
  const fold = createViewFold();
  const journal = join(import.meta.dirname, '../../reports/example/journal.ndjson');
  for await (const entry of readJournal(journal)) fold.add(entry);
  return fold.view();
}
