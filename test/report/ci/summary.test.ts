import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RunResult } from '../../../bench/model.ts';
import { commentMarker, renderComment, renderSummary } from '../../../bench/report/ci/summary.ts';
import { renderMarkdown } from '../../../bench/report/markdown.ts';
import { renderTerminal } from '../../../bench/report/terminal.ts';
import {
  failedRow,
  gateRun,
  keptGuard,
  missingRow,
  openRow,
  passedRow,
  workingTree,
} from '../gate/gate-run.ts';

const bytes = (text: string): number => new TextEncoder().encode(text).length;
const cells = (markdown: string, metric: string): readonly string[] =>
  (markdown.split('\n').find((line) => line.includes(`| \`${metric}\``)) ?? '')
    .split('|')
    .map((cell) => cell.trim());

describe('the summary', () => {
  // After a wanted change of the text: npx vitest run test/report -u, and read the difference.
  test.each([
    ['failed', gateRun()],
    ['passed', gateRun({ rows: [passedRow], verdict: 'pass' })],
    ['inconclusive', gateRun({ rows: [openRow, missingRow], verdict: 'inconclusive' })],
    ['invalid', gateRun({ rows: [passedRow], verdict: 'invalid', sentence: 'the generator had no CPU.' })],
  ])('of a gate that is %s is as agreed, word for word', async (name, run) => {
    await expect(renderSummary(run)).toMatchFileSnapshot(`golden/summary-${name}.md`);
  });

  test('begins with the verdict, then what was found', () => {
    const [first, second, third] = renderSummary(gateRun()).split('\n\n');
    expect(first).toBe('## ❌ Performance gate: FAIL');
    expect(second).toBe(`**${failedRow.sentence}**`);
    expect(third).toContain('(working tree, commit 9f8e7d6c5b4a with changes) against reference (main,');
  });

  test('has a line a metric with sizes, effect, interval, n and p', () => {
    expect(cells(renderSummary(gateRun()), 'app.cpuMsPerRequest').slice(1, -1)).toEqual([
      '❌ fail',
      '`app.cpuMsPerRequest` (ms)',
      '0.512 → 0.571',
      '**+11.2 %** [+8.1 to +14.0]',
      '3.0 % / 8.0 %',
      '8',
      '0.016',
      '0.94',
    ]);
  });

  test('names a metric that was asked for and has no row', () => {
    const rules = gateRun().gate.rules;
    expect(cells(renderSummary(gateRun({ rows: [passedRow], rules })), 'read.p95Ms').slice(1, 4)).toEqual([
      '⚠️ inconclusive',
      '`read.p95Ms`',
      'not measured',
    ]);
  });

  test('says how to measure it again, in a block that the command cannot end', () => {
    const command = 'npm run bench:gate -- --against "```"\n# not a heading';
    const markdown = renderSummary(gateRun({}, { command }));
    expect(markdown).toContain(`\n\`\`\`\`sh\n${command}\n\`\`\`\`\n`);
  });

  test('puts what must be known beside the verdict', () => {
    const findings: RunResult['validity']['findings'] = [
      { severity: 'warning', id: 'foreign-cpu', message: 'other programs used 30 % of the CPU' },
    ];
    const markdown = renderSummary(gateRun({}, { validity: { ok: true, findings } }));
    expect(markdown).toContain('> **Caution:** Other programs used 30 % of the CPU.');
  });

  test('a branch called like markup notifies nobody, links nowhere and breaks no table', () => {
    const ref = '@octocat|[x](http://evil.example)![y](z)<img src=x>\n# heading';
    const run = gateRun({ guards: [{ ...keptGuard, sentence: `a|b ${ref}` }] });
    const arms = run.arms.map((arm) => ({ ...arm, build: { ...workingTree, ref } }));
    const markdown = renderSummary({ ...run, arms });
    expect(markdown).toContain('octocat');
    expect(markdown).not.toMatch(/@octocat|\]\(|!\[|<img|^# heading/m);
    const guard = markdown.split('\n').find((line) => line.includes('a\\|b')) ?? '';
    expect(guard.match(/(?<!\\)\|/g)).toHaveLength(3);
  });

  test('stays below 200 KB, the comment below 60 KB, whatever is put in', () => {
    const long = fc
      .integer({ min: 0, max: 150_000 })
      .chain((length) =>
        fc
          .constantFrom('x', '€', '\u{1f600}', '|', '`', '<', '@a', '\n')
          .map((unit) => unit.repeat(length / unit.length)),
      );
    fc.assert(
      fc.property(long, long, fc.integer({ min: 1, max: 200 }), (sentence, command, times) => {
        const rows = Array.from({ length: times }, () => ({ ...failedRow, sentence, unit: sentence }));
        const guards = Array.from({ length: times }, () => ({ ...keptGuard, sentence }));
        const build = { ref: sentence, commit: sentence, dirty: true };
        const run = gateRun({ sentence, rows, guards }, { command, runId: sentence });
        const big = { ...run, arms: run.arms.map((arm) => ({ ...arm, name: sentence, build })) };
        expect(bytes(renderSummary(big))).toBeLessThan(200_001);
        expect(bytes(renderComment(big))).toBeLessThan(60_001);
        expect(renderSummary(big)).toMatch(/^## ❌ Performance gate: FAIL\n/);
      }),
      { numRuns: 15, seed: 5 },
    );
  });

  test('says so when parts had to be left out, and keeps those that count most', () => {
    const guards = Array.from({ length: 400 }, () => ({ ...keptGuard, sentence: 'x'.repeat(600) }));
    const markdown = renderComment(gateRun({ guards }));
    expect(markdown).toContain('`app.cpuMsPerRequest`');
    expect(markdown).toContain('Parts are left out here for their length');
    expect(markdown).not.toContain('xxx');
    expect(renderComment(gateRun())).not.toContain('left out');
  });

  test('prints the record of gates of a state against itself, where there is one', () => {
    const record = { runs: 120, falseAlarms: 0, inconclusive: 1, bound: 0.0247 };
    const line = '120 A/A runs, 0 false alarms, 95 % bound 2.5 %, 1 inconclusive';
    expect(renderSummary(gateRun({ record }))).toContain(`on machines like this one: ${line}.`);
    expect(renderTerminal(gateRun({ record }))).toContain(`On record: ${line}.`);
    expect(renderMarkdown(gateRun({ record }))).toContain(`On record of machines like this one: ${line}.`);
    expect(renderMarkdown(gateRun())).toContain('There is no record');
  });

  test('of a gate by history explains another interval', () => {
    const { rules } = gateRun().gate;
    const history = { confidence: 0.99, logRatios: {} };
    const markdown = renderSummary(gateRun({ rules: { ...rules, looks: [8], history } }));
    expect(markdown).toContain('98.4 % prediction interval of that distance');
    expect(markdown).toContain('beyond the two-sided 99 % prediction interval');
    expect(markdown).not.toMatch(/signed-rank|Holm/);
  });

  test('has no picture that GitHub would take out', () => {
    expect(renderSummary(gateRun())).not.toMatch(/<svg|<img|data:/);
  });
});

test('the comment is the summary with the marker in front', () => {
  expect(renderComment(gateRun())).toBe(`${commentMarker}\n${renderSummary(gateRun())}`);
  expect(commentMarker).toBe('<!-- replibench:gate -->');
});
