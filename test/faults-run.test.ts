/** A whole run of the sample application in which a replica is killed under load, and comes back. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ArmResult, RunResult } from '../bench/model.ts';
import { expectGoodEnd, leftoversWithin, nothing, onlyRun, runCli } from './support/cli.ts';
import { writeSmallScenario } from './support/small-scenario.ts';

vi.setConfig({ testTimeout: 240_000 });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faults run '));
});
afterEach(() => rm(folder, { recursive: true }));

test('a replica that dies and comes back is in the report of every arm that has one', async () => {
  const runs = join(folder, 'runs');
  const { code, output } = await runCli([
    ...['compare', '--scenario', await writeSmallScenario(folder), '--out', runs],
    ...['--arms', 'baseline,native,balanced', '--fault', 'kill:replica1@0.3-0.7'],
    ...['--blocks', '1', '--slice-seconds', '8'],
  ]);
  const run = await onlyRun(runs);
  const result: RunResult = JSON.parse(await readFile(join(run, 'result.json'), 'utf8'));
  expectGoodEnd(code, result, output);
  expect(result.scenario.faults).toEqual([{ kind: 'kill', node: 'replica1', from: 0.3, to: 0.7 }]);
  const slicesOf = (name: string): ArmResult['slices'] =>
    result.arms.find((arm) => arm.name === name)?.slices ?? [];
  expect(result.arms.map(({ name }) => name)).toEqual(['baseline', 'native', 'balanced']);
  expect(slicesOf('baseline').map(({ kind, faults }) => [kind, faults])).toEqual([['steady', undefined]]);
  for (const name of ['native', 'balanced']) {
    const [slice, ...more] = slicesOf(name);
    const [window, ...others] = slice?.faults ?? [];
    expect([...more, ...others]).toEqual([]);
    expect(window).toMatchObject({ fault: 'kill', nodes: ['replica1'] });
    // Times are those at which it was asked for, counted from when the load began, a little later.
    expect(window?.fromMs).toBeGreaterThan(2_200);
    expect(window?.fromMs).toBeLessThan(4_000);
    expect(window?.toMs).toBeGreaterThan(5_400);
    const { before, first, during, after } = window?.read ?? {};
    for (const phase of [before, first, during, after]) expect(phase?.requests).toBeGreaterThan(0);
    expect(before).toMatchObject({ failed: 0, rejected: 0 });
    expect(slice?.consistency?.reads).toBeGreaterThan(0);
    expect(slice?.consistency?.withoutVersion).toBe(0);
    // A node that was down for a while is no surprise: it is what was asked for.
    expect(slice?.cpu['replica1']?.cores).toBeGreaterThan(0);
  }
  const found = result.validity.findings.map(({ id }) => id);
  for (const id of ['replica-unused', 'lag-missing', 'reads-on-primary']) expect(found).not.toContain(id);
  const report = await readFile(join(run, 'report.md'), 'utf8');
  for (const title of ['Faults', 'What clients saw', 'Policies side by side'])
    expect(report).toContain(`## ${title}`);
  expect(report).toMatch(/^kill on replica1, from [\d.]+ to [\d.]+ s\.$/m);
  expect(report).toMatch(/^\| balanced \| [\d,]+ \| 0 \| 0 \|/m);
  expect(await leftoversWithin(0, result.runId.split('-').at(-1) ?? '')).toEqual(nothing);
});
