import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunResult } from '../../bench/model.ts';
import { renderMarkdown } from '../../bench/report/markdown.ts';
import { claimedTotal } from '../../bench/report/sizing.ts';
import { foldJournal } from '../analysis/fold-journal.ts';
import { buildJournal, type JournalOptions } from '../analysis/journal-builder.ts';
import { quotedSection, quotePattern } from './quote-example.ts';

function section(options: JournalOptions, change = (result: RunResult): RunResult => result): string {
  const markdown = renderMarkdown(
    change(foldJournal(buildJournal({ blocks: 1, sliceMs: 4000, ...options }))),
  );
  return /^## CPU, memory and cost\n([\s\S]+?)\n## /m.exec(markdown)?.[1] ?? '';
}

const rows = (text: string, first: string): readonly string[] =>
  text.split('\n').filter((line) => line.startsWith(`| ${first} |`));

describe('claimed sizes beside measured ones', () => {
  test('are those of the document, and its own totals', () => {
    expect(claimedTotal(['primary', 'replica1', 'replica2'])).toEqual({
      cores: 1.1,
      memoryMb: 1024,
      diskGb: 15,
    });
    expect(claimedTotal(['primary', 'replica3'])).toBeNull();
  });

  test('stand beside CPU and memory of each part; shares of the memory limit are of the largest', () => {
    const text = section({ containers: true });
    expect(rows(text, 'replica1')).toEqual([
      '| replica1 | 0.0725 | 0.0725 | 111 | 114 | 44.5 | 0.3 cores, 256 MB, 5 GB of disk |',
    ]);
    expect(rows(text, 'redis')[1]).toMatch(/^\| redis \| 0\.0300 \| 0\.0300 \| 171 \| 17\d \| – \| – \|$/);
    expect(rows(text, 'baseline')[1]).toContain('$30 a month (t3.medium)');
    expect(rows(text, 'replicated')[1]).toContain('$60 a month (t3.large)');
  });

  test('memory that was not measured has no column, and no zero', () => {
    const text = section({});
    expect(text).toContain('Memory was not measured');
    expect(rows(text, 'replica1')).toEqual([
      '| replica1 | 0.0725 | 0.0725 | 0.3 cores, 256 MB, 5 GB of disk |',
    ]);
    expect(rows(text, 'replicated')[1]).toContain('| – | 3.1 cores, 3.2 GB |');
  });

  test('a sum has no figure when a part of it has none', () => {
    const text = section({}, (result) => ({
      ...result,
      arms: result.arms.map((arm) => ({
        ...arm,
        slices: arm.slices.map((slice) => {
          const { replica2: _, ...cpu } = slice.cpu;
          return { ...slice, cpu };
        }),
      })),
    }));
    expect(rows(text, 'PostgreSQL in all').at(-1)).toBe(
      '| PostgreSQL in all | – | – | 1.1 cores, 1024 MB, 15 GB of disk |',
    );
  });

  test('rules are checked against this run', () => {
    const text = section({ containers: true });
    // 0.0725 and 0.075 cores beside 0.06; 111 and 121 MiB beside 101.
    expect(rows(text, 'CPU of a replica, of the primary beside it (steady)')[0]).toContain(
      '| 60 % | 123 % |',
    );
    expect(rows(text, 'memory of a replica, of the primary beside it')[0]).toContain('| the same | 115 % |');
    expect(section({ replicated: null })).not.toContain('rule of the document');
  });
});

test('docs/sizing.md quotes the committed example', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/sizing.md'), 'utf8');
  // When the example was renewed: node test/report/quote-example.ts
  expect(quotePattern.exec(page)?.[2]).toBe(quotedSection());
});
