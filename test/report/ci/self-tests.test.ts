import { expect, test } from 'vitest';
import { renderSelfTests } from '../../../bench/report/ci/self-tests.ts';
import { gateRun } from '../gate/gate-run.ts';

test('self-tests are one table below what is known of all of them', () => {
  const result = gateRun();
  const record = { runs: 12, falseAlarms: 0, inconclusive: 1, bound: 0.221 };
  const text = renderSelfTests([{ result, seconds: 270 }], record);
  expect(text.split('\n').slice(0, 4)).toEqual([
    '## Performance gate: self-test',
    '',
    '**12 A/A runs, 0 false alarms, 95 % bound 22 %, 1 inconclusive**',
    '',
  ]);
  expect(text).toContain(`| ${result.runId} | fail | ${result.completion.finishedBlocks} | 4.50 |`);
  expect(text.endsWith('\n')).toBe(true);
});

test('none, or none that was valid, is said', () => {
  expect(renderSelfTests([], undefined)).toContain('No valid gate yet.');
});
