import type { ArmResult, GateRow, GateRules, ObjectiveResult, Verdict } from '../../model.ts';
import { judgeGuards } from './guards.ts';
import { historyRows } from './history-rows.ts';
import { gateRows } from './rows.ts';

/** All that a gate sees of a number of blocks. */
export interface Look {
  readonly blocks: number;
  readonly rows: readonly GateRow[];
  readonly guards: readonly ObjectiveResult[];
  readonly verdict: Verdict;
}

/**
 * Judges the given blocks. `isLook` = they are a planned look; between looks nothing is decided, because a
 * decision at any other moment costs error that was not planned.
 */
export function lookAt(
  rules: GateRules,
  reference: ArmResult,
  candidate: ArmResult,
  blocks: readonly number[],
  isLook: boolean,
): Look {
  const rows =
    rules.history === undefined
      ? gateRows(rules, reference, candidate, blocks, isLook)
      : historyRows(rules, rules.history, reference, candidate, blocks, isLook);
  const guards = judgeGuards(rules.guards, reference, candidate, blocks);
  const verdict = isLook ? worst([...rows, ...guards]) : 'inconclusive';
  return { blocks: blocks.length, rows, guards, verdict };
}

/** A fail of anything fails, only a pass of everything passes; nothing at all is no pass. */
function worst(judged: readonly { readonly verdict: Verdict }[]): Verdict {
  if (judged.some(({ verdict }) => verdict === 'fail')) return 'fail';
  return judged.length > 0 && judged.every(({ verdict }) => verdict === 'pass') ? 'pass' : 'inconclusive';
}
