import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { defaultGateRules } from '../../../bench/analysis/gate/default-rules.ts';

const text = readFileSync(resolve(import.meta.dirname, '../../../docs/gate.md'), 'utf8');

test('the page says the margins, looks and guards that the gate has', () => {
  const rows = [...text.matchAll(/^\| `([\w.]+)`[^|]*\| (\d+) % \| (\d+) % \|$/gm)].map(
    ([, metric, minEffect, tolerance]) => ({
      metric,
      minEffect: Number(minEffect) / 100,
      tolerance: Number(tolerance) / 100,
    }),
  );
  expect(rows).toEqual(defaultGateRules.metrics);
  const [first, second, last] = defaultGateRules.looks;
  expect(text).toContain(`after **${first}, ${second} and ${last} blocks**`);
  expect(text).toContain(`α is ${defaultGateRules.alpha * 100} %`);
  const [errors, lag] = defaultGateRules.guards;
  expect(text).toContain(`error ratio at most ${(errors?.max ?? 0) * 100} %`);
  expect(text.replaceAll('\n', ' ')).toContain(`replication lag at most ${lag?.max} ms`);
});
