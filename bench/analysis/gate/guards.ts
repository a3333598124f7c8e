import type { ArmResult, MetricId, Objective, ObjectiveResult } from '../../model.ts';
import { type MetricValues, summarizeBlocks } from '../metrics.ts';
import { judgeObjectives } from '../objectives.ts';

/**
 * The absolute bounds of the candidate in the given blocks. They are checked, not tested against the
 * reference; yet one that the reference misses as well is inconclusive, not a fail: what both builds do on
 * this machine is not the candidate's doing, and no reason to trust it either.
 */
export function judgeGuards(
  guards: readonly Objective[],
  reference: ArmResult,
  candidate: ArmResult,
  blocks: readonly number[],
): readonly ObjectiveResult[] {
  return guards.flatMap(({ arm: _, ...guard }) => {
    const [before] = judgeObjectives([guard], [within(reference, blocks)]);
    const after = within(candidate, blocks);
    return judgeObjectives([guard], [after]).map((result): ObjectiveResult => {
      if (result.verdict === 'pass') return withEveryBlock(guard, after, result);
      if (result.verdict !== 'fail' || before?.verdict !== 'fail') return result;
      const sentence = `${result.sentence} So does ${reference.name}, so this is not the candidate's doing.`;
      return { ...result, verdict: 'inconclusive', sentence };
    });
  });
}

/**
 * The interval of a median leaves the worst blocks out of account. Of a figure that spreads that is right; of failed
 * requests it would pass a candidate that loses half of them in every tenth block.
 */
function withEveryBlock(guard: Objective, { metrics }: ArmResult, result: ObjectiveResult): ObjectiveResult {
  const perBlock = metrics[guard.metric]?.perBlock ?? [];
  const mean = perBlock.reduce((sum, { value }) => sum + value, 0) / perBlock.length;
  if (guard.metric !== 'errors.ratio' || guard.max === undefined || mean <= guard.max) return result;
  const sentence = `${result.sentence} Over all blocks it is ${(mean * 100).toFixed(2)} %, though.`;
  return { ...result, verdict: 'inconclusive', sentence };
}

/** The arm as it would be if only these blocks had been measured. */
function within(arm: ArmResult, blocks: readonly number[]): ArmResult {
  const metrics = Object.entries(arm.metrics).flatMap(([metric, { perBlock }]) => {
    const value = summarizeBlocks(perBlock.filter(({ block }) => blocks.includes(block)));
    // A guard that was seen in some blocks only is not seen to be kept.
    return value === null || value.blocks < blocks.length ? [] : [[metric as MetricId, value] as const];
  });
  return { ...arm, metrics: Object.fromEntries(metrics) as MetricValues };
}
