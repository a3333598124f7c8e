import type { ArmResult, MetricId, MetricValue, Objective, ObjectiveResult, Verdict } from '../model.ts';
import { metricDefinitions } from './metrics.ts';

/**
 * Judges each objective for each arm it applies to. With six blocks or more the interval of the
 * median decides, with fewer the range of the blocks: all of it inside the bound passes, all of it
 * outside fails, anything between is inconclusive, and so is a value that was not measured.
 * Objectives for an arm that this run does not have are left out.
 */
export function judgeObjectives(
  objectives: readonly Objective[],
  arms: readonly ArmResult[],
): readonly ObjectiveResult[] {
  return objectives.flatMap((objective) =>
    applicableArms(objective, arms).map((arm) => judgeObjective(objective, arm)),
  );
}

/** The worst of the verdicts; pass without any. */
export function worstVerdict(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('fail')) return 'fail';
  return verdicts.includes('inconclusive') ? 'inconclusive' : 'pass';
}

function applicableArms(objective: Objective, arms: readonly ArmResult[]): readonly ArmResult[] {
  if (objective.arm !== undefined) return arms.filter((arm) => arm.name === objective.arm);
  // Some metrics do not exist for an arm without replicas; those of no arm must not vanish.
  const needsReplicas = objective.metric.startsWith('lag.') || objective.metric.startsWith('replicas.');
  return needsReplicas ? arms.filter((arm) => arm.replicas > 0) : arms;
}

function judgeObjective(objective: Objective, arm: ArmResult): ObjectiveResult {
  const metric = arm.metrics[objective.metric];
  const named = { ...objective, arm: arm.name };
  if (metric === undefined) {
    return {
      ...named,
      value: null,
      verdict: 'inconclusive',
      sentence: `${objective.metric} of ${arm.name} was not measured; it must be ${describeBound(objective)}.`,
    };
  }
  const verdict = judgeRange(objective, metric);
  return { ...named, value: metric.value, verdict, sentence: describe(objective, arm, metric, verdict) };
}

function judgeRange(objective: Objective, metric: MetricValue): Verdict {
  const { low, high } = rangeOf(objective.metric, metric);
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = objective;
  if (high < min || low > max) return 'fail';
  return low >= min && high <= max ? 'pass' : 'inconclusive';
}

function rangeOf(id: MetricId, metric: MetricValue): { readonly low: number; readonly high: number } {
  const values = metric.perBlock.map(({ value }) => value);
  const range = { low: Math.min(...values), high: Math.max(...values) };
  // A promise that was broken in one block was broken; the interval of the median would leave that block out.
  if (id.endsWith('.violationsPer10k')) return range;
  return { low: metric.low ?? range.low, high: metric.high ?? range.high };
}

function describe(objective: Objective, arm: ArmResult, metric: MetricValue, verdict: Verdict): string {
  const { low, high } = rangeOf(objective.metric, metric);
  const show = (value: number): string => showValue(objective, value);
  const said = { pass: 'keeps', fail: 'misses', inconclusive: 'neither keeps nor misses' }[verdict];
  const blocks = metric.blocks === 1 ? '1 block' : `${metric.blocks} blocks`;
  return `${objective.metric} of ${arm.name} is ${show(metric.value)} [${show(low)} to ${show(high)}, ${blocks}] and ${said} its bound, ${describeBound(objective)}.`;
}

function describeBound(objective: Objective): string {
  const { min, max } = objective;
  const bounds = [
    ...(min === undefined ? [] : [`at least ${showValue(objective, min)}`]),
    ...(max === undefined ? [] : [`at most ${showValue(objective, max)}`]),
  ];
  return bounds.join(' and ');
}

function showValue({ metric }: Objective, value: number): string {
  if (metric === 'errors.ratio' || metric === 'stale.ratio') return `${(value * 100).toFixed(2)} %`;
  return `${Number(value.toPrecision(3))} ${metricDefinitions[metric].unit}`;
}
