import { expect, test } from 'vitest';
import { defaultGateRules } from '../../../bench/analysis/gate/default-rules.ts';
import { versionsIfAsked } from '../../../bench/commands/gate/measurement.ts';
import mixed from '../../../scenarios/mixed.ts';

const versioned = (scenario: { readonly operations: readonly object[] }): number =>
  scenario.operations.filter((operation) => 'version' in operation).length;

test('a gate keeps account of versions only when a rule is about what they tell', () => {
  expect(versioned(mixed)).toBeGreaterThan(0);
  expect(versioned(versionsIfAsked(mixed, defaultGateRules))).toBe(0);
  for (const metric of ['stale.ratio', 'ryw.violationsPer10k', 'monotonic.violationsPer10k'] as const) {
    const rules = { ...defaultGateRules, guards: [...defaultGateRules.guards, { metric, max: 0 }] };
    expect(versionsIfAsked(mixed, rules)).toBe(mixed);
  }
});
