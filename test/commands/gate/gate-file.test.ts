import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultGateRules } from '../../../bench/analysis/gate/default-rules.ts';
import { gateFileName, loadGateFile } from '../../../bench/commands/gate/gate-file.ts';
import { gateFileJsonSchema } from '../../../bench/commands/gate/gate-file-schema.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gate-file-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function load(content: unknown) {
  await writeFile(
    join(folder, gateFileName),
    typeof content === 'string' ? content : JSON.stringify(content),
  );
  return loadGateFile(undefined, folder, folder);
}

test('without a file the defaults count; a named one must be there', async () => {
  expect((await loadGateFile(undefined, folder, join(folder, 'elsewhere'))).rules).toEqual(defaultGateRules);
  await expect(loadGateFile('missing.json', folder, folder)).rejects.toThrow(/missing\.json cannot be read/);
});

test('one margin is changed, one metric left out, one added; the rest stays', async () => {
  const { rules, against } = await load({
    against: 'v1.0',
    metrics: {
      'read.p95Ms': { tolerance: 0.3 },
      'write.p95Ms': false,
      'read.p50Ms': { minEffect: 0.05, tolerance: 0.1 },
    },
    looks: [8, 16],
  });
  expect(against).toBe('v1.0');
  expect(rules.looks).toEqual([8, 16]);
  expect(rules.alpha).toBe(defaultGateRules.alpha);
  expect(rules.metrics).toEqual([
    { metric: 'read.qps', minEffect: 0.05, tolerance: 0.1 },
    { metric: 'read.p50Ms', minEffect: 0.05, tolerance: 0.1 },
    { metric: 'read.p95Ms', minEffect: 0.08, tolerance: 0.3 },
    { metric: 'app.cpuMsPerRequest', minEffect: 0.03, tolerance: 0.08 },
  ]);
});

test('is described by a JSON Schema that is shipped and current', async () => {
  const path = new URL('../../../bench/commands/gate/replibench.gate.schema.json', import.meta.url);
  // Made again with: node test/report/write-schema.ts
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(gateFileJsonSchema());
});

test('as few blocks as can fail at all are taken', async () => {
  const { rules } = await load({ looks: [7] });
  expect(2 ** -7 * rules.metrics.length).toBeLessThanOrEqual(rules.alpha);
});

const mistakes = [
  ['{', /is not JSON/],
  [
    { looks: [6] },
    /after 6 blocks no metric could fail.*4 metrics and one look at alpha 0\.05 need at least 7/s,
  ],
  [{ metrics: { 'read.p42': {} } }, /metrics/],
  [
    { metrics: { 'read.p50Ms': { tolerance: 0.1 } } },
    /read\.p50Ms is not gated by default: give minEffect and tolerance/,
  ],
  [{ metrics: { 'read.qps': { minEffect: 0.1 } } }, /minEffect \(0\.1\) must be below tolerance \(0\.1\)/],
  [{ looks: [8, 8] }, /looks.*ascending/s],
  [{ looks: [3] }, /looks/],
  [{ guards: [{ metric: 'errors.ratio' }] }, /needs max or min/],
  [{ alfa: 0.1 }, /alfa/],
  [
    { metrics: Object.fromEntries(defaultGateRules.metrics.map(({ metric }) => [metric, false])) },
    /at least one must be gated/,
  ],
] as const;
test.each(mistakes)('%j is refused with the field', async (content, message) => {
  await expect(load(content)).rejects.toThrow(message);
});
