import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createViewFold } from '../bench/analysis/run-view.ts';
import { readJournal } from '../bench/experiment/journal.ts';
import { builtInScenarios } from '../bench/experiment/scenario-file.ts';
import { renderFiles } from '../bench/report/files.ts';

const root = resolve(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const readme = read('README.md');

describe('the committed example', () => {
  test('is what the present code makes of its journal', async () => {
    const fold = createViewFold();
    for await (const entry of readJournal(join(root, 'reports/example/journal.ndjson'))) fold.add(entry);
    const view = fold.view();
    expect(view.result.completion.outcome).toBe('completed');
    // Made again with: npm run replibench -- report reports/example
    const files = renderFiles(view);
    expect(files.length).toBeGreaterThan(5);
    for (const { path, text } of files) expect(read(`reports/example/${path}`) === text, path).toBe(true);
  });

  test('is quoted in the README word for word', () => {
    const quoted = /<!-- example:begin -->\n([\s\S]+?)\n<!-- example:end -->/.exec(readme)?.[1] ?? '';
    const report = read('reports/example/report.md');
    const paragraphs = quoted.split('\n\n').filter((paragraph) => paragraph.trim() !== '');
    expect(paragraphs.length).toBeGreaterThan(1);
    for (const paragraph of paragraphs) expect(report).toContain(paragraph.replace(/^> /, ''));
  });
});

describe('what the README says exists', () => {
  const scripts: Record<string, string> = JSON.parse(read('package.json')).scripts;

  test('every npm script', () => {
    const named = [...readme.matchAll(/npm (?:run )?([a-z:]+)/g)].map((match) => match[1] ?? '');
    expect(named.length).toBeGreaterThan(5);
    for (const name of named) if (name !== 'ci') expect(scripts).toHaveProperty([name]);
  });

  test('every scenario and every linked page', () => {
    for (const name of builtInScenarios()) expect(readme).toContain(name);
    for (const [, path] of readme.matchAll(/\]\(([^)#]+)\)/g))
      expect(read(path ?? '').length).toBeGreaterThan(0);
  });
});
