import type { ArmResult, GateResult, GateRules } from '../../model.ts';
import { describeGate } from './gate-sentence.ts';
import { breaksDown, grossBlocks } from './gross.ts';
import { type Look, lookAt } from './look.ts';

/**
 * What a gate says after these blocks, looking at them only at the planned looks; the first look that
 * decides, decides, whatever was measured after it.
 *
 * FAIL: at a look, a metric is worse (exact one-sided signed-rank p, after Holm's correction over all gated
 * metrics, at most alpha / looks) and its Hodges-Lehmann estimate reaches its minimum effect; or a guard is
 * missed. PASS: at one look, "worse by the tolerance or more" is rejected for every metric, each at
 * alpha / looks, and every guard is kept. Otherwise INCONCLUSIVE: go on, or at the last look the end.
 *
 * - Both sides are divided by the number of looks (Bonferroni): looking three times at 5 % would pass 5 to
 *   11 % of candidates that are as bad as the tolerance. Every metric must pass, so the pass side needs no
 *   correction over metrics (intersection-union test).
 * - Holm's family is all gated metrics at every look. Leaving out those that could have passed earlier
 *   raises the power on a rough machine (from 76 to 86 % with looks at 8, 14 and 24), but what is left out then depends on
 *   the data, and the 5 % bound on false fails is gone.
 * - A pass of a metric does not outlive its look. It would be as valid, and it changes at most 0.3 % of the
 *   verdicts in simulations; so a reader finds the verdict in the rows that are shown.
 *
 * Error rates are those of test/analysis/gate/characteristics.test.ts; docs/gate.md has the table.
 *
 * A candidate that breaks down is not measured any further: see gross.ts.
 *
 * With a history the rows are judged by that instead: see history-rows.ts.
 * @param finishedBlocks numbers of the blocks that both arms finished
 */
export function decideGate(
  rules: GateRules,
  reference: ArmResult,
  candidate: ArmResult,
  finishedBlocks: readonly number[],
): GateResult {
  const blocks = [...finishedBlocks].sort((a, b) => a - b);
  const looks: Look[] = grossLook(rules, reference, candidate, blocks);
  for (const count of rules.looks) {
    if (blocks.length < count || looks.at(-1)?.verdict === 'fail') break;
    const look = lookAt(rules, reference, candidate, blocks.slice(0, count), true);
    looks.push(look);
    if (look.verdict !== 'inconclusive') break;
  }
  const last = looks.at(-1) ?? lookAt(rules, reference, candidate, blocks, false);
  return {
    rules,
    looks: looks.map((look) => ({ blocks: look.blocks, rows: look.rows })),
    rows: last.rows,
    guards: last.guards,
    verdict: last.verdict,
    sentence: describeGate(rules, last, blocks.length),
  };
}

/** The look after three blocks, which is one only if a guard is missed so that no more need be known. */
function grossLook(
  rules: GateRules,
  reference: ArmResult,
  candidate: ArmResult,
  blocks: readonly number[],
): Look[] {
  if (!breaksDown(rules.guards, reference, candidate, blocks)) return [];
  const first = blocks.slice(0, grossBlocks);
  const look = lookAt(rules, reference, candidate, first, false);
  return [{ ...look, verdict: 'fail' }];
}
