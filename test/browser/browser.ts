/** Tests that need a browser say so when there is none, instead of failing or passing. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { describe } from 'vitest';

const names = ['chromium', 'chromium-browser', 'google-chrome'];
const executable = (process.env['PATH'] ?? '')
  .split(delimiter)
  .flatMap((folder) => names.map((name) => join(folder, name)))
  .find(existsSync);

/** REPLIBENCH_NO_BROWSER: why whoever runs the tests cannot use the one that is there. */
const told = process.env['REPLIBENCH_NO_BROWSER'];
const reason = told ? ` (skipped: ${told})` : executable === undefined ? ' (skipped: no browser)' : '';

/** `describe` for what runs in Chromium. */
export function describeWithBrowser(title: string, body: () => void): void {
  describe.skipIf(reason !== '')(`${title}${reason}`, body);
}

export function openBrowser(): Promise<Browser> {
  if (executable === undefined) throw new Error('there is no browser');
  // Root has no sandbox; nothing but our own pages is opened.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: executable, args });
}
