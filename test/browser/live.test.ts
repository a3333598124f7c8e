/** The live view with a browser's own EventSource: pages that change by themselves, and connections that break. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLivePage } from '../../bench/commands/live/live-page.ts';
import { startLiveServer } from '../../bench/commands/live/live-server.ts';
import { buildJournal } from '../analysis/journal-builder.ts';
import { describeWithBrowser, openBrowser } from './browser.ts';

describeWithBrowser('the live view in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  test('follows a run, comes back after a lost connection, and keeps the last page', async () => {
    const journal = buildJournal({ blocks: 2, sliceMs: 1000 });
    const page = createLivePage();
    await using server = await startLiveServer(page);
    let given = 0;
    const goOn = (to: number): void => {
      for (const entry of journal.slice(given, to)) page.add(entry);
      given = to;
      server.update();
    };
    const half = journal.findIndex((entry) => entry.type === 'slice-start' && entry.block === 2) + 1;
    await using context = await browser.newContext();
    const viewer = await context.newPage();
    const heard: string[] = [];
    viewer.on('console', (message) => heard.push(message.text()));
    viewer.on('pageerror', (error) => heard.push(error.message));
    await viewer.goto(`http://127.0.0.1:${server.port}/`);
    await viewer.getByText('The run is being set up').waitFor();

    goOn(half);
    await viewer.locator('.verdict', { hasText: '1 of 2 blocks are finished' }).waitFor();
    expect(await viewer.locator('#live').textContent()).toMatch(/^block 2 of 2: \w+, warm-up$/);
    expect(await viewer.title()).toMatch(/^RUNNING/);
    await viewer.locator('#metrics button').first().click();
    expect(await viewer.locator('#metrics th[aria-sort]').count()).toBe(1);
    expect(heard).toEqual([]);

    await context.setOffline(true);
    await viewer.reload().catch(() => undefined);
    await context.setOffline(false);
    await viewer.goto(`http://127.0.0.1:${server.port}/`);
    await viewer.locator('.verdict', { hasText: 'RUNNING' }).waitFor();
    goOn(journal.length);
    await viewer.locator('.verdict', { hasText: 'PASS' }).waitFor();
    await server.finish('the report is there');
    await viewer.locator('#live.over', { hasText: 'the report is there' }).waitFor();
    expect(await viewer.locator('svg.chart').count()).toBeGreaterThan(5);
  });
});
