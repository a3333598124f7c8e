import { describe, expect, test } from 'vitest';
import { judgeObjectives, worstVerdict } from '../../bench/analysis/objectives.ts';
import type { ArmResult, MetricId, MetricValue, Objective } from '../../bench/model.ts';
import { baselineArm, replicatedArm } from './journal-builder.ts';

const value = (
  values: readonly number[],
  low: number | null = null,
  high: number | null = null,
): MetricValue => ({
  value: values[0] ?? 0,
  low,
  high,
  blocks: values.length,
  perBlock: values.map((each, index) => ({ block: index + 1, value: each })),
});
const withMetrics = (
  arm: typeof baselineArm,
  metrics: Partial<Record<MetricId, MetricValue>>,
): ArmResult => ({ ...arm, nodes: [], slices: [], metrics, bottleneck: {} });
const judge = (objective: Objective, metric: MetricValue): string | undefined =>
  judgeObjectives([objective], [withMetrics(baselineArm, { [objective.metric]: metric })])[0]?.verdict;

describe('an objective', () => {
  test.each([
    ['pass', 10, 9, 14.9],
    ['inconclusive', 14, 12, 16],
    ['fail', 20, 15.1, 25],
  ])('with an interval is %s when all, part or none of it is inside', (verdict, median, low, high) => {
    expect(judge({ metric: 'read.p95Ms', max: 15 }, value([median], low, high))).toBe(verdict);
  });

  test.each([
    ['pass', [10, 14]],
    ['inconclusive', [10, 16]],
    ['fail', [16, 17]],
  ])('with few blocks is %s when all, some or none of them are inside', (verdict, blocks) => {
    expect(judge({ metric: 'read.p95Ms', max: 15 }, value(blocks))).toBe(verdict);
  });

  test('may set a lower bound, and both', () => {
    expect(judge({ metric: 'read.qps', min: 100 }, value([90]))).toBe('fail');
    expect(judge({ metric: 'read.qps', min: 100, max: 200 }, value([150]))).toBe('pass');
    expect(judge({ metric: 'read.qps', min: 100, max: 200 }, value([250]))).toBe('fail');
  });

  test('on the bound is kept', () => {
    expect(judge({ metric: 'errors.ratio', max: 0 }, value([0, 0]))).toBe('pass');
  });

  test('of violations is about every block: the interval of a median would leave a few of them out', () => {
    const none = Array.from({ length: 8 }, () => 0);
    const promise = { metric: 'ryw.violationsPer10k', max: 0 } as const;
    expect(judge(promise, value([0, ...none], 0, 0))).toBe('pass');
    expect(judge(promise, value([...none, 3], 0, 0))).toBe('inconclusive');
    expect(judge(promise, value([3, 1, 2], null, null))).toBe('fail');
    // What is no promise goes by its interval as before.
    expect(judge({ metric: 'errors.ratio', max: 0 }, value([...none, 0.1], 0, 0))).toBe('pass');
    const [result] = judgeObjectives(
      [promise],
      [withMetrics(baselineArm, { 'ryw.violationsPer10k': value([...none, 3], 0, 0) })],
    );
    expect(result?.sentence).toContain(
      '[0 per 10,000 to 3 per 10,000, 9 blocks] and neither keeps nor misses',
    );
  });

  test('that was not measured is inconclusive', () => {
    const [result] = judgeObjectives([{ metric: 'read.qps', min: 1 }], [withMetrics(baselineArm, {})]);
    expect(result).toMatchObject({ arm: 'baseline', value: null, verdict: 'inconclusive' });
    expect(result?.sentence).toBe('read.qps of baseline was not measured; it must be at least 1 1/s.');
  });

  test('is judged for each arm that can have it', () => {
    const arms = [withMetrics(baselineArm, {}), withMetrics(replicatedArm, { 'lag.p95Ms': value([5]) })];
    const armsOf = (objective: Objective): readonly (string | undefined)[] =>
      judgeObjectives([objective], arms).map(({ arm }) => arm);
    expect(armsOf({ metric: 'read.qps', min: 1 })).toEqual(['baseline', 'replicated']);
    expect(armsOf({ metric: 'read.qps', min: 1, arm: 'replicated' })).toEqual(['replicated']);
    expect(armsOf({ metric: 'lag.p95Ms', max: 100 })).toEqual(['replicated']);
    expect(armsOf({ metric: 'read.qps', min: 1, arm: 'not in this run' })).toEqual([]);
  });

  test('says its value, range, n and bound', () => {
    const [result] = judgeObjectives(
      [{ metric: 'errors.ratio', max: 0.01 }],
      [withMetrics(baselineArm, { 'errors.ratio': value([0.02, 0.0151]) })],
    );
    expect(result?.sentence).toBe(
      'errors.ratio of baseline is 2.00 % [1.51 % to 2.00 %, 2 blocks] and misses its bound, at most 1.00 %.',
    );
  });
});

test('the worst verdict wins', () => {
  expect(worstVerdict(['pass', 'inconclusive', 'fail'])).toBe('fail');
  expect(worstVerdict(['pass', 'inconclusive'])).toBe('inconclusive');
  expect(worstVerdict([])).toBe('pass');
});
