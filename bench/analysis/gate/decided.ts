import type { RunResult } from '../../model.ts';

/** Whether a gate's blocks so far decide: only at its looks, and only where every metric has passed or one has failed. */
export function gateDecided({ gate, completion }: Pick<RunResult, 'gate' | 'completion'>): boolean {
  if (gate === undefined || !gate.rules.looks.includes(completion.finishedBlocks)) return false;
  const verdicts = gate.rows.map(({ verdict }) => verdict);
  return verdicts.includes('fail') || verdicts.every((verdict) => verdict === 'pass');
}
