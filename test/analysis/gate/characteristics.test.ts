import { describe, expect, test } from 'vitest';
import { defaultGateRules } from '../../../bench/analysis/gate/default-rules.ts';
import { upperBound } from '../../../bench/analysis/gate/record.ts';
import { blockOrder } from '../../../bench/experiment/order.ts';
import { baselineArm } from '../journal-builder.ts';
import { simulateGates } from './simulate-gates.ts';
import { machines, measureOn } from './simulated-machine.ts';

// The machines have neither errors nor lag; guards are no matter of chance.
const rules = { ...defaultGateRules, guards: [] };

/**
 * Bounds are shown, not just not contradicted: the exact 99 % bound of what was simulated must keep them. The
 * seeds are fixed, so this fails when the gate changes, and not by chance.
 */
const confidence = 0.99;
const atMost = (events: number, gates: number): number => upperBound(events, gates, confidence);
const atLeast = (events: number, gates: number): number => 1 - upperBound(gates - events, gates, confidence);

describe('of equal builds', () => {
  test.each([
    { name: 'calm', bar: 0.01 },
    { name: 'shared', bar: 0.01 },
    { name: 'rough', bar: 0.05 },
    { name: 'drifting', bar: 0.05 },
  ] as const)('on a $name machine, at most a share of $bar fails', ({ name, bar }) => {
    const { verdicts, gates } = simulateGates(rules, machines[name], {}, { gates: 1500, seed: 2 });
    expect(atMost(verdicts.fail, gates)).toBeLessThanOrEqual(bar);
    // A gate that says nothing is no use either.
    expect(atMost(verdicts.inconclusive, gates)).toBeLessThanOrEqual(0.1);
  });

  test('on a shared machine most gates end at the first look', () => {
    // The first look of the default as it is: with its share of alpha.
    const first = { ...rules, looks: rules.looks.slice(0, 1), alpha: rules.alpha / rules.looks.length };
    const { verdicts, gates } = simulateGates(first, machines.shared, {}, { gates: 500, seed: 3 });
    expect(atLeast(verdicts.pass + verdicts.fail, gates)).toBeGreaterThan(0.8);
  });
});

describe.each(rules.metrics)('of candidates with $metric worse by its tolerance', ({ metric, tolerance }) => {
  test.each(['calm', 'shared', 'rough', 'drifting'] as const)(
    'on a %s machine, nine in ten fail at least and one in twenty passes at most',
    (name) => {
      const gates = name === 'rough' ? 1500 : 400;
      const { verdicts } = simulateGates(rules, machines[name], { [metric]: tolerance }, { gates, seed: 4 });
      expect(atLeast(verdicts.fail, gates)).toBeGreaterThanOrEqual(0.9);
      expect(atMost(verdicts.pass, gates)).toBeLessThanOrEqual(0.05);
    },
  );
});

test('an improvement fails no more than no change does', () => {
  const better = Object.fromEntries(rules.metrics.map(({ metric }) => [metric, -0.1]));
  const { verdicts, gates } = simulateGates(rules, machines.rough, better, { gates: 400, seed: 5 });
  expect(verdicts.fail).toBe(0);
  expect(verdicts.pass).toBe(gates);
});

test('the machines spread as they say: launch effects are part of it, bursts are not', () => {
  const order = blockOrder(
    ['reference', 'candidate'].map((name) => ({ ...baselineArm, name })),
    4000,
    6,
  );
  for (const machine of [machines.calm, machines.shared, machines.rough]) {
    const still = { ...machine, burstShare: 0, withinBlock: 0, secondArm: 0 };
    const [reference, candidate] = measureOn(still, {}, order, 7);
    for (const { metric } of rules.metrics) {
      const after = candidate.metrics[metric]?.perBlock ?? [];
      const ratios = after.map(({ value }, index) =>
        Math.log(value / (reference.metrics[metric]?.perBlock[index]?.value ?? 0)),
      );
      const spread = Math.sqrt(ratios.reduce((sum, ratio) => sum + ratio ** 2, 0) / ratios.length);
      // Two standard errors of a standard deviation of 4000 are 2.2 %.
      expect(spread / machine.ratio[metric as keyof typeof machine.ratio]).toBeCloseTo(1, 1);
    }
  }
});
