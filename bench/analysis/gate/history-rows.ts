import type { GatedMetric, GateHistory, GateRow, GateRules, Verdict } from '../../model.ts';
import { metricDefinitions } from '../metrics.ts';
import {
  fewestForPrediction,
  type Prediction,
  predict,
  predictionInterval,
  predictionP,
} from '../prediction-interval.ts';
import { signedRankInterval } from '../signed-rank.ts';
import { blockEffects, type GateArm, logEffect, onWorseSide, shareOf } from './effects.ts';
import { alphaOfLook, medianOf } from './rows.ts';
import { describeRow, metricWords } from './sentences.ts';

/**
 * Every gated metric, judged by what earlier states were against the same anchor: the effect is the candidate's
 * distance from their mean, each as a ratio to the anchor measured beside it. FAIL = beyond the upper end of the
 * two-sided prediction interval of the history, and at least the minimum effect. PASS = a state that is worse by
 * the tolerance would be expected further up, at the gate's alpha; a history that spreads too much for that
 * leaves the metric open, however close to the mean the candidate is.
 *
 * No correction over metrics: at 99 % each of four fails one equal build in 200, two in a hundred together.
 */
export function historyRows(
  rules: GateRules,
  history: GateHistory,
  reference: GateArm,
  candidate: GateArm,
  blocks: readonly number[],
  isLook: boolean,
): readonly GateRow[] {
  return rules.metrics.map((gated) => {
    const stored = history.logRatios[gated.metric] ?? [];
    const effects = blockEffects(gated, reference, candidate, blocks);
    const estimate = effects.kind === 'measured' ? signedRankInterval(effects.values)?.estimate : undefined;
    const expected = predict(stored.map((logRatio) => onWorseSide(gated.metric, logRatio)));
    const numbers = {
      ...gated,
      ...metricDefinitions[gated.metric],
      reference: medianOf(reference, gated, blocks),
      candidate: medianOf(candidate, gated, blocks),
      blocks: blocks.length,
      ...(estimate === undefined || expected === null
        ? unknown
        : judgeShift(gated, expected, estimate, rules)),
    };
    const verdict = isLook ? judge(numbers, rules, history) : 'inconclusive';
    const row = { ...numbers, verdict };
    const sentence =
      expected === null && effects.kind === 'measured'
        ? `${metricWords[gated.metric]} cannot be judged: of earlier runs against the anchor ${stored.length} have it, and ${fewestForPrediction} that differ are needed.`
        : describeRow(row, effects, isLook, ` than in ${stored.length} earlier runs, all against the anchor`);
    return { ...row, sentence };
  });
}

type Judged = Pick<GateRow, 'effect' | 'low' | 'high' | 'confidence' | 'failP' | 'adjustedFailP' | 'passP'>;

const unknown: Judged = {
  effect: null,
  low: null,
  high: null,
  confidence: null,
  failP: null,
  adjustedFailP: null,
  passP: null,
};

/** Of a value `estimate` where `expected` was; the interval is that of the shift, at twice the gate's alpha. */
function judgeShift(gated: GatedMetric, expected: Prediction, estimate: number, rules: GateRules): Judged {
  const confidence = 1 - 2 * alphaOfLook(rules);
  const shift = estimate - expected.centre;
  const { low, high } = predictionInterval({ ...expected, centre: shift }, confidence);
  const failP = predictionP(expected, estimate);
  const share = (log: number): number => shareOf(gated.metric, log);
  return {
    effect: share(shift),
    low: share(low),
    high: share(high),
    confidence,
    failP,
    adjustedFailP: failP,
    passP: 1 - predictionP(expected, estimate - logEffect(gated.metric, gated.tolerance)),
  };
}

function judge(
  { effect, minEffect, failP, passP }: Judged & GatedMetric,
  rules: GateRules,
  { confidence }: GateHistory,
): Verdict {
  if (effect === null || failP === null || passP === null) return 'inconclusive';
  if (failP <= (1 - confidence) / 2 && effect >= minEffect) return 'fail';
  return passP <= alphaOfLook(rules) ? 'pass' : 'inconclusive';
}
