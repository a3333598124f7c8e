import { decideGate } from '../../../bench/analysis/gate/decide.ts';
import { blockOrder } from '../../../bench/experiment/order.ts';
import type { GateRules, Verdict } from '../../../bench/model.ts';
import { baselineArm } from '../journal-builder.ts';
import { type GatedId, type Machine, measureOn } from './simulated-machine.ts';

export interface Characteristics {
  readonly gates: number;
  readonly verdicts: Readonly<Record<Verdict, number>>;
  /** Mean number of blocks until the gate ended. */
  readonly meanBlocks: number;
}

/** Decides so many gates of the same kind, each on blocks of its own, with the orders that runs have. */
export function simulateGates(
  rules: GateRules,
  machine: Machine,
  effects: Readonly<Partial<Record<GatedId, number>>>,
  { gates, seed }: { readonly gates: number; readonly seed: number },
): Characteristics {
  const cap = Math.max(...rules.looks);
  const blocks = Array.from({ length: cap }, (_, index) => index + 1);
  const arms = ['reference', 'candidate'].map((name) => ({ ...baselineArm, name }));
  const verdicts = { pass: 0, fail: 0, inconclusive: 0 };
  let measured = 0;
  for (let gate = 0; gate < gates; gate += 1) {
    const gateSeed = (seed * 1_000_003 + gate * 7919) % 2 ** 31;
    const order = blockOrder(arms, cap, gateSeed);
    const [reference, candidate] = measureOn(machine, effects, order, gateSeed);
    const { verdict, looks } = decideGate(rules, reference, candidate, blocks);
    if (verdict === 'invalid') throw new Error('blocks alone cannot be invalid');
    verdicts[verdict] += 1;
    measured += looks.at(-1)?.blocks ?? 0;
  }
  return { gates, verdicts, meanBlocks: measured / gates };
}
