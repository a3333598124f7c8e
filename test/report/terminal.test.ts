import { describe, expect, test } from 'vitest';
import { renderTerminal } from '../../bench/report/terminal.ts';
import { wrapText } from '../../bench/report/wrap-text.ts';
import { foldJournal } from '../analysis/fold-journal.ts';
import { buildJournal } from '../analysis/journal-builder.ts';

const big = { baseline: { readQps: 123_456 }, replicated: { readQps: 1_234_567 } } as const;
const shared = { plan: { nodeCpus: null, limitMethod: 'none' } } as const;

describe('the summary in the terminal', () => {
  test('of a pretended run is as agreed, word for word', async () => {
    const text = renderTerminal(foldJournal(buildJournal()), 'reports/run/report.md');
    await expect(`${text}\n`).toMatchFileSnapshot('golden/terminal.txt');
  });

  test.each([
    ['a comparison', buildJournal()],
    ['one arm', buildJournal({ replicated: null })],
    ['large figures and few blocks', buildJournal({ ...big, blocks: 2 })],
    ['no quota', buildJournal({ ...shared, blocks: 1, foreignCores: 0.6 })],
    ['an invalid run', buildJournal({ blocks: 1, generator: { cpuPercent: 99 } })],
    ['nothing', buildJournal().slice(0, 1)],
  ])('fits into 100 columns, without loose ends: %s', (_name, journal) => {
    const text = renderTerminal(foldJournal(journal));
    for (const line of text.split('\n')) {
      expect(line.length).toBeLessThanOrEqual(100);
      expect(line).toBe(line.trimEnd());
    }
    expect(text).not.toMatch(/NaN|undefined|null|\n\n\n/);
  });

  test('counts the warnings that it has no room for', () => {
    const text = renderTerminal(
      foldJournal(buildJournal({ blocks: 1, generator: { eventLoopDelayP99Ms: 40 } })),
    );
    expect(text).toContain('1 more warning about the measurement in the report, section Validity.');
  });
});

describe('the summary of a run without figures', () => {
  test('has no table of dashes, and does not count what its first line says', () => {
    const text = renderTerminal(foldJournal(buildJournal().slice(0, 3)));
    expect(text).toBe(
      'CUT OFF: the run was killed after 0 of 6 blocks. Only finished slices are counted.\n\nNo slice was finished, so nothing can be said.',
    );
  });
});

describe('wrapped text', () => {
  test('keeps a percent sign with its number, and every word', () => {
    expect(wrapText('of 96.9 % sure', 9)).toBe('of 96.9 %\nsure');
    expect(wrapText('it is 96.9 % sure', 9, 2)).toBe('it is\n  96.9 %\n  sure');
  });

  test('lets a word that is too long stand alone', () => {
    expect(wrapText('a /very/long/path b', 8)).toBe('a\n/very/long/path\nb');
  });
});
