import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Section of the committed example that docs/sizing.md quotes, without its heading. */
export function quotedSection(): string {
  const report = readFileSync(resolve(root, 'reports/example/report.md'), 'utf8');
  const section = /^## CPU, memory and cost\n\n([\s\S]+?)\n\n## /m.exec(report)?.[1];
  if (section === undefined) throw new Error('the example has no section of CPU, memory and cost');
  return section;
}

export const quotePattern = /(<!-- example:begin -->\n)([\s\S]*?)(\n?<!-- example:end -->)/;

const root = resolve(import.meta.dirname, '../..');

// Quotes the example anew after it was renewed: node test/report/quote-example.ts
if (import.meta.main) {
  const page = resolve(root, 'docs/sizing.md');
  const text = readFileSync(page, 'utf8').replace(
    quotePattern,
    (_, begin) => `${begin}${quotedSection()}\n<!-- example:end -->`,
  );
  writeFileSync(page, text);
}
