import type { GateResult, RunResult } from '../../model.ts';

/**
 * Whether a run may end because its gate says, at its last look, all that it will ever say. Changes at looks
 * alone; a run that is no gate is never decided.
 */
export function gateDecided({ gate }: Pick<RunResult, 'gate'>): boolean {
  return gate !== undefined && isSettled(gate);
}

/**
 * Whether more blocks would change nothing: a look passed or failed, or was the last one; or it can pass no
 * more, because a value is missing or the measurement invalid. Whether the run itself came to its end is
 * another question.
 */
export function isSettled({ rules, looks, rows, guards, verdict }: GateResult): boolean {
  const last = looks.at(-1);
  if (last === undefined) return false;
  if (verdict === 'invalid' || last.blocks >= Math.max(...rules.looks)) return true;
  const verdicts = [...rows, ...guards].map((judged) => judged.verdict);
  return (
    verdicts.includes('fail') ||
    verdicts.every((each) => each === 'pass') ||
    rows.some(({ effect }) => effect === null) ||
    guards.some(({ value }) => value === null)
  );
}
