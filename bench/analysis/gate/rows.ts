import type { GatedMetric, GateRow, GateRules, Verdict } from '../../model.ts';
import { holm } from '../holm.ts';
import { median } from '../median.ts';
import { metricDefinitions } from '../metrics.ts';
import { signedRankInterval } from '../signed-rank.ts';
import { signedRankP } from '../signed-rank-p.ts';
import { type BlockEffects, blockEffects, type GateArm, logEffect, shareOf } from './effects.ts';
import { describeRow } from './sentences.ts';

/** One-sided error that a single look may spend, on either side. */
export function alphaOfLook({ alpha, looks }: Pick<GateRules, 'alpha' | 'looks'>): number {
  return alpha / looks.length;
}

/**
 * Every gated metric in the given blocks. `isLook` = these blocks are a look, so that verdicts may be
 * given; between looks all are inconclusive, because a decision at any other moment costs error that was
 * not planned. The interval covers 1 - 2 x the error of a look at least: its lower end above zero is the
 * test for worse before Holm's correction, its upper end below the tolerance is the test for a pass.
 */
export function gateRows(
  rules: GateRules,
  reference: GateArm,
  candidate: GateArm,
  blocks: readonly number[],
  isLook: boolean,
): readonly GateRow[] {
  const effects = rules.metrics.map((gated) => blockEffects(gated, reference, candidate, blocks));
  const failPs = effects.map(failP);
  // A metric without a p stays in the family, at 1: one that vanishes must not make the others significant.
  const adjusted = holm(failPs.map((p) => p ?? 1));
  return rules.metrics.map((gated, index) => {
    const found = effects[index] ?? { kind: 'missing', blocks: blocks.length };
    const p = failPs[index] ?? null;
    const numbers = {
      ...gated,
      ...metricDefinitions[gated.metric],
      reference: medianOf(reference, gated, blocks),
      candidate: medianOf(candidate, gated, blocks),
      blocks: blocks.length,
      ...interval(gated, found, rules),
      failP: p,
      adjustedFailP: p === null ? null : (adjusted[index] ?? null),
      passP: passP(gated, found),
    };
    const verdict = isLook ? judge(numbers, alphaOfLook(rules)) : 'inconclusive';
    return { ...numbers, verdict, sentence: describeRow({ ...numbers, verdict }, found, isLook) };
  });
}

type Numbers = Omit<GateRow, 'verdict' | 'sentence'>;

/** A fail first: an effect between minimum and tolerance that is known well enough is both. */
function judge(row: Numbers, alpha: number): Verdict {
  const { effect, adjustedFailP, passP } = row;
  if (effect === null || adjustedFailP === null || passP === null) return 'inconclusive';
  if (adjustedFailP <= alpha && effect >= row.minEffect) return 'fail';
  return passP <= alpha ? 'pass' : 'inconclusive';
}

function failP(effects: BlockEffects): number | null {
  if (effects.kind !== 'measured' || effects.values.length === 0) return null;
  return signedRankP(effects.values, { centre: 0, alternative: 'greater' });
}

function passP({ metric, tolerance }: GatedMetric, effects: BlockEffects): number | null {
  if (effects.kind !== 'measured' || effects.values.length === 0) return null;
  return signedRankP(effects.values, { centre: logEffect(metric, tolerance), alternative: 'less' });
}

function interval(
  { metric }: GatedMetric,
  effects: BlockEffects,
  rules: GateRules,
): Pick<GateRow, 'effect' | 'low' | 'high' | 'confidence'> {
  const found =
    effects.kind === 'measured' ? signedRankInterval(effects.values, 1 - 2 * alphaOfLook(rules)) : null;
  if (found === null) return { effect: null, low: null, high: null, confidence: null };
  const share = (log: number | null): number | null => (log === null ? null : shareOf(metric, log));
  return {
    effect: shareOf(metric, found.estimate),
    low: share(found.low),
    high: share(found.high),
    confidence: found.confidence,
  };
}

/** What an arm had in these blocks; null when it had it in none. */
export function medianOf(arm: GateArm, { metric }: GatedMetric, blocks: readonly number[]): number | null {
  const values = arm.metrics[metric]?.perBlock.filter(({ block }) => blocks.includes(block)) ?? [];
  return median(values.map(({ value }) => value));
}
