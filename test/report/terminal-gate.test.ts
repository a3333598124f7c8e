import { describe, expect, test } from 'vitest';
import { renderTerminal } from '../../bench/report/terminal.ts';
import { failedRow, gateRun, keptGuard, missingRow, openRow, passedRow } from './gate/gate-run.ts';

const huge = { effect: 49.3, low: 41.2, high: 52.7, reference: 1_234_567, candidate: 0.000_123 };

describe('a gate in the terminal', () => {
  test('is as agreed, word for word', async () => {
    await expect(`${renderTerminal(gateRun(), 'reports/run/report.md')}\n`).toMatchFileSnapshot(
      'golden/terminal-gate.txt',
    );
  });

  test.each([
    ['failed', gateRun()],
    ['passed', gateRun({ rows: [passedRow], verdict: 'pass' })],
    [
      'a dropped index',
      gateRun({
        rows: [
          { ...openRow, ...huge },
          { ...failedRow, ...huge },
        ],
      }),
    ],
    ['without a block', gateRun({ rows: [missingRow], looks: [], verdict: 'inconclusive' })],
    ['without a row', gateRun({ rows: [], looks: [], guards: [], verdict: 'invalid', sentence: 'no.' })],
    ['a long sentence', gateRun({ sentence: `word${' word'.repeat(60)}` })],
  ])('fits into 80 columns, without loose ends: %s', (_name, run) => {
    const text = renderTerminal(run);
    for (const line of text.split('\n')) {
      expect(line.length).toBeLessThanOrEqual(80);
      expect(line).toBe(line.trimEnd());
    }
    expect(text).not.toMatch(/NaN|undefined|null|\n\n\n/);
  });

  test('says the verdict first, in the words of the gate', () => {
    expect(renderTerminal(gateRun()).split('\n')[0]).toBe(`FAIL: ${failedRow.sentence}`);
    const killed = { outcome: 'cut-off', reason: null, plannedBlocks: 24, finishedBlocks: 3 } as const;
    expect(renderTerminal(gateRun({ verdict: 'pass' }, { completion: killed }))).toMatch(/^CUT OFF: /);
  });

  test('names a guard that was not kept', () => {
    const guard = { ...keptGuard, verdict: 'fail', sentence: 'errors.ratio of candidate is 3.0 %.' } as const;
    expect(renderTerminal(gateRun({ guards: [guard] }))).toContain(`Guard, fail: ${guard.sentence}`);
    expect(renderTerminal(gateRun())).not.toContain('Guard');
  });

  test('a metric without a row stands in the table', () => {
    const { rules } = gateRun().gate;
    expect(renderTerminal(gateRun({ rows: [passedRow], rules }))).toMatch(
      /^INCONCLUSIVE {2}read\.p95Ms +–$/m,
    );
  });
});
