import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { RunResult } from '../bench/model.ts';
import { expectGoodEnd, onlyRun, runCli } from './support/cli.ts';
import { type PostgresNode, type ReplicatedPostgres, startReplicated } from './support/postgres.ts';
import { type AppProcess, databaseVariables, loadSmallDataSet, startApp } from './support/sample-app.ts';
import { smallScenario, writeSmallScenario } from './support/small-scenario.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let undo: AsyncDisposableStack;
let cluster: ReplicatedPostgres;
let apps: Record<'baseline' | 'replicated', AppProcess>;
let folder: string;
let scenario: string;

beforeAll(async () => {
  undo = new AsyncDisposableStack();
  folder = await mkdtemp(join(tmpdir(), 'external run '));
  undo.defer(() => rm(folder, { recursive: true }));
  scenario = await writeSmallScenario(folder);
  cluster = undo.use(await startReplicated(1));
  const { primary, replicas } = cluster;
  const { seed = 1, users = 1, teams = 1, contacts = 1, interactions = 1 } = smallScenario.data;
  await loadSmallDataSet(primary, { seed, users, teams, contacts, interactions });
  await cluster.caughtUp();
  apps = {
    baseline: undo.use(await startApp(databaseVariables(primary))),
    replicated: undo.use(await startApp(databaseVariables(primary, replicas))),
  };
});
afterAll(() => undo.disposeAsync());

const urlOf = ({ host, port, database, user, password }: PostgresNode, shown = password) =>
  `postgres://${user}:${shown}@${host}:${port}/${database}`;

function flags(replica: PostgresNode | undefined): string[] {
  if (replica === undefined) throw new Error('no replica');
  return [
    ...['compare', '--topology', 'external', '--scenario', scenario, '--out', join(folder, 'runs')],
    ...['--quick', '--blocks', '1', '--slice-seconds', '1', '--metrics-path', '/metrics'],
    ...['--replica-url', urlOf(replica)],
    ...['--baseline-url', apps.baseline.url, '--replicated-url', apps.replicated.url],
  ];
}
const env = () => ({ REPLIBENCH_PRIMARY_URL: urlOf(cluster.primary) });

test('a whole run, with every figure that can be had and without a password anywhere', async () => {
  const { code, output } = await runCli([...flags(cluster.replicas[0]), '--allow-writes'], { env: env() });
  const run = await onlyRun(join(folder, 'runs'));
  const result: RunResult = JSON.parse(await readFile(join(run, 'result.json'), 'utf8'));
  expectGoodEnd(code, result, output);
  expect(result).toMatchObject({ limitMethod: 'external', nodeCpus: null });
  expect(result.arms.map(({ topology, replicas }) => [topology, replicas])).toEqual([
    ['external', 0],
    ['external', 1],
  ]);
  for (const arm of result.arms) {
    expect(arm.metrics['read.qps']?.value).toBeGreaterThan(0);
    expect(arm.metrics['write.qps']?.value).toBeGreaterThan(0);
    // Not ours to look into: absent, and not 0.
    expect(arm.metrics['primary.cpuPercent']).toBeUndefined();
  }
  const [, replicated] = result.arms;
  expect(replicated?.metrics['lag.p95Ms']?.value).toBeGreaterThanOrEqual(0);
  const findings = result.validity.findings.map(({ id }) => id);
  expect(findings).toContain('external');
  expect(findings).not.toContain('no-quota');
  expect(result.command).toContain(urlOf(cluster.primary, '***').replace(/:\d+\/.*/, ''));
  const { password } = cluster.primary;
  expect(output).not.toContain(password);
  for (const entry of await readdir(run, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const text = await readFile(join(entry.parentPath, entry.name), 'utf8');
    expect(text.includes(password), entry.name).toBe(false);
  }
});

describe('refused before anything is asked to work', () => {
  test('a scenario that writes, without leave', async () => {
    const { code, output } = await runCli(flags(cluster.replicas[0]), { env: env() });
    expect(code, output).toBe(2);
    expect(output).toContain('--allow-writes');
  });

  test('a primary in place of a replica', async () => {
    const { code, output } = await runCli([...flags(cluster.primary), '--allow-writes'], { env: env() });
    expect(code, output).toBe(3);
    expect(output).toMatch(/replica1 \(127\.0\.0\.1:\d+\) is not in recovery, so it is no replica/);
    expect(output).not.toContain(cluster.primary.password);
  });
});
