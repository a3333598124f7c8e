import { expect, test } from 'vitest';
import { summarizeSelfTests, upperBound } from '../../../bench/analysis/gate/record.ts';
import type { GateVerdict } from '../../../bench/model.ts';

const like = { fingerprintClass: 'a', method: '1' };
const tests = (...verdicts: readonly GateVerdict[]) => verdicts.map((verdict) => ({ ...like, verdict }));

test('only valid gates of the same machines and method count', () => {
  const others = [
    { ...like, fingerprintClass: 'b', verdict: 'fail' as const },
    { ...like, method: '2', verdict: 'fail' as const },
  ];
  const record = summarizeSelfTests([...tests('pass', 'fail', 'inconclusive', 'invalid'), ...others], like);
  expect(record).toMatchObject({ runs: 3, falseAlarms: 1, inconclusive: 1 });
  expect(summarizeSelfTests([...tests('invalid'), ...others], like)).toBeUndefined();
});

test.each([
  // Of none seen the bound is 1 - 0.05^(1/n); the others are qbeta(0.95, k + 1, n - k), as tables of Clopper-Pearson have them.
  [0, 1, 0.95],
  [0, 59, 1 - 0.05 ** (1 / 59)],
  [0, 299, 1 - 0.05 ** (1 / 299)],
  [1, 10, 0.394163],
  [2, 20, 0.282619],
  [5, 100, 0.102253],
  [10, 10, 1],
])('%d of %d is at most %f with 95 %% confidence', (events, n, bound) => {
  expect(upperBound(events, n)).toBeCloseTo(bound, 5);
});
