import { describe, expect, test } from 'vitest';
import { metricIds } from '../../../bench/model.ts';
import { renderAnnotations } from '../../../bench/report/ci/annotations.ts';
import { failedRow, gateRun, keptGuard, openRow, passedRow } from '../gate/gate-run.ts';

/** Takes a workflow command apart as the runner does: at the first double colon, properties at commas, then escapes. */
function parse(line: string): { level: string; title: string; message: string } {
  const [, level = '', properties = '', data = ''] = /^::(\w+) (.*?)::(.*)$/s.exec(line) ?? [];
  expect(properties).not.toContain(':');
  const [title = ''] = properties.split(',').map((pair) => pair.replace(/^title=/, ''));
  return { level, title: undo(title), message: undo(data) };
}

function undo(text: string): string {
  return text.replace(/%(0D|0A|3A|2C|25)/g, (code) => decodeURIComponent(code));
}

describe('annotations', () => {
  test('one error a failed metric, one warning an open one, the errors first', () => {
    const rows = [openRow, { ...failedRow, metric: 'write.qps' as const }, passedRow, failedRow];
    expect(renderAnnotations(gateRun({ rows })).map(parse)).toEqual([
      { level: 'error', title: 'Performance: write.qps worse by +11.2 %', message: failedRow.sentence },
      {
        level: 'error',
        title: 'Performance: app.cpuMsPerRequest worse by +11.2 %',
        message: failedRow.sentence,
      },
      { level: 'warning', title: 'Performance: read.p95Ms worse by +7.9 %', message: openRow.sentence },
    ]);
  });

  test('guards are among them', () => {
    const guard = { ...keptGuard, verdict: 'fail', sentence: 'errors.ratio is 3 %.' } as const;
    expect(renderAnnotations(gateRun({ rows: [passedRow], guards: [guard] })).map(parse)).toEqual([
      { level: 'error', title: 'Performance guard: errors.ratio', message: 'errors.ratio is 3 %.' },
    ]);
  });

  test('none for a pass', () => {
    expect(renderAnnotations(gateRun({ rows: [passedRow], verdict: 'pass' }))).toEqual([]);
  });

  test('of an invalid run one error and no verdict on any metric', () => {
    const run = gateRun({ verdict: 'invalid', sentence: 'the application did not start.' });
    expect(renderAnnotations(run).map(parse)).toEqual([
      { level: 'error', title: 'Performance gate: INVALID', message: 'the application did not start.' },
    ]);
  });

  test('what is no pass is seen, also without a row', () => {
    const run = gateRun({ rows: [], guards: [], verdict: 'inconclusive', sentence: 'no block.' });
    expect(renderAnnotations(run).map(parse)).toEqual([
      { level: 'warning', title: 'Performance gate: INCONCLUSIVE', message: 'no block.' },
    ]);
  });

  test('text survives the escapes, and a line stays a line', () => {
    const sentence = '100 % of "a: b, c"\r\n::error::not a command %0A';
    const [line = ''] = renderAnnotations(gateRun({ rows: [{ ...failedRow, sentence }] }));
    expect(line).not.toMatch(/[\r\n]/);
    expect(parse(line).message).toBe(sentence);
    expect(parse(line).title).toBe('Performance: app.cpuMsPerRequest worse by +11.2 %');
  });

  test('colons and commas of a title survive, although they part properties', () => {
    const [line = ''] = renderAnnotations(gateRun({ rows: [{ ...failedRow, effect: 49.3 }] }));
    expect(parse(line).title).toBe('Performance: app.cpuMsPerRequest worse by +4,930 %');
  });

  test('at most ten of a level, and the tenth says what the others are', () => {
    const rows = metricIds.map((metric) => ({ ...failedRow, metric }));
    const open = metricIds.map((metric) => ({ ...openRow, metric }));
    const parsed = renderAnnotations(gateRun({ rows: [...open, ...rows] })).map(parse);
    expect(parsed.map(({ level }) => level)).toEqual([
      ...Array.from({ length: 10 }, () => 'error'),
      ...Array.from({ length: 10 }, () => 'warning'),
    ]);
    expect(parsed[9]?.title).toBe(`Performance: ${metricIds.length - 9} more`);
    expect(parsed[9]?.message).toContain(metricIds.at(-1));
  });
});
