import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { JournalEntry, Reading, RunResult } from '../../../bench/model.ts';
import { docker } from '../../../bench/topology/docker/engine.ts';
import { engineCpu } from '../../../bench/topology/docker/engine-cpu.ts';
import {
  type CliRun,
  expectGoodEnd,
  leftoversWithin,
  nothing,
  onlyRun,
  startCli,
} from '../../support/cli.ts';
import { writeSmallScenario } from '../../support/small-scenario.ts';
import { applicationImage } from '../support/compose.ts';
import { describeWithEngine } from '../support/engine.ts';
import { leftInEngine } from '../support/left-behind.ts';
import { until } from '../support/until.ts';

// Whole runs of three visits, also where everything takes its time.
vi.setConfig({ testTimeout: 600_000 });

let folder: string;
let scenario: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'container run '));
  scenario = await writeSmallScenario(folder);
});
afterEach(() => rm(folder, { recursive: true }));

const flags = (topology: string) => [
  ...['compare', '--topology', topology, '--scenario', scenario, '--out', join(folder, 'runs')],
  ...['--quick', '--blocks', '1', '--slice-seconds', '1'],
];
/** Not with what happens to be there under the default name: it may be of other sources. */
const start = (topology: string): CliRun =>
  startCli(flags(topology), { env: { APP_IMAGE: applicationImage } });
const runIdOf = (run: string): string => run.split('-').at(-1) ?? '';

const expected = {
  testcontainers: {
    cpu: ['app', 'primary', 'replica1', 'replica2'],
    memory: ['app', 'primary', 'replica1', 'replica2'],
    metrics: ['app'],
  },
  compose: {
    cpu: ['app1', 'app2', 'app3', 'nginx', 'primary', 'redis', 'replica1', 'replica2'],
    memory: ['app1', 'app2', 'app3', 'nginx', 'primary', 'redis', 'replica1', 'replica2'],
    metrics: ['app1', 'app2', 'app3'],
  },
} as const;

describeWithEngine('--topology', () => {
  test.each(['testcontainers', 'compose'] as const)(
    '%s: a whole run, every reading, nothing left',
    async (topology) => {
      const cli = start(topology);
      const [secrets, { code, output }] = await Promise.all([
        until('the passwords of a container', () => secretsOf(cli), { deadlineMs: 590_000 }),
        cli.ended,
      ]);
      // A run that could not even be set up has written nothing: why, it has said.
      expect(output).toContain('report: ');
      expect(secrets).not.toEqual([]);
      const run = await onlyRun(join(folder, 'runs'));
      const result: RunResult = JSON.parse(await readFile(join(run, 'result.json'), 'utf8'));
      expect(result.completion, output).toMatchObject({ outcome: 'completed', finishedBlocks: 1 });
      expectGoodEnd(code, result, output);
      expect(result.limitMethod).toBe('container');
      for (const row of result.comparison.filter(({ metric }) => /\.qps$|p95Ms$/.test(metric)))
        if (!row.metric.startsWith('lag'))
          expect(row, row.metric).toMatchObject({ baseline: expect.any(Number) });
      const replicated = result.arms.find(({ name }) => name === 'replicated');
      expect(replicated?.metrics['replicas.cpuPercent']?.value).toBeGreaterThan(0);
      expect(replicated?.metrics['app.cpuMsPerRequest']?.value).toBeGreaterThan(0);
      expect(replicated?.metrics['lag.p95Ms']?.value).toBeGreaterThanOrEqual(0);

      const readings = await readingsOf(run);
      const subjects = (probe: string, value: string) =>
        [
          ...new Set(
            readings.filter((one) => one.probe === probe && value in one.values).map((one) => one.subject),
          ),
        ]
          .filter((subject) => subject !== 'generator' && subject !== 'harness')
          .sort();
      const engine = engineCpu().kind === 'none' ? [] : ['docker'];
      expect(subjects('cpu', 'cpuMs')).toEqual(
        expect.arrayContaining([...expected[topology].cpu, ...engine]),
      );
      // Held to their quotas, by the engine.
      expect(subjects('cpu', 'throttledMs')).toEqual(
        expect.arrayContaining(['primary', 'replica1', 'replica2']),
      );
      expect(subjects('memory', 'memoryBytes')).toEqual(expected[topology].memory);
      expect(subjects('app', 'rssBytes')).toEqual(expected[topology].metrics);

      const runId = runIdOf(run);
      expect(await leftInEngine(runId)).toEqual([]);
      expect(await leftoversWithin(60_000, runId)).toEqual(nothing);
      const texts = [['output', output], ...(await filesOf(run))] as const;
      expect(texts.length).toBeGreaterThan(4);
      for (const [file, text] of texts) {
        expect(text, file).not.toMatch(/password["=:]/i);
        expect(
          secrets.filter((secret) => text.includes(secret)),
          file,
        ).toEqual([]);
      }
    },
  );

  test.each([
    ['testcontainers', /start primary/],
    ['compose', /start nodes/],
  ])('%s: killed with SIGKILL, it leaves nothing', async (topology, step) => {
    const cli = start(topology);
    await cli.printed(step);
    const runId = await until('the run to have made something', async () => {
      const names = (await readdir(tmpdir())).concat(await leftInEngine('replibench-'));
      return names.map((name) => runPattern(cli).exec(name)?.[1]).find((id) => id !== undefined);
    });
    expect(await leftInEngine(runId)).not.toEqual([]);
    cli.child.kill('SIGKILL');
    await cli.ended;
    await until('everything to be gone', async () => (await leftInEngine(runId)).length === 0);
    expect(await leftoversWithin(60_000, runId)).toEqual(nothing);
  });
});

/** The name of a run has the process id of its harness in it. */
function runPattern({ child }: CliRun): RegExp {
  return new RegExp(`replibench-([0-9a-f]{8})-${child.pid}-`);
}

/** What the containers of the run were given to keep to themselves; null while there is none, [] after its end. */
async function secretsOf(cli: CliRun): Promise<readonly string[] | null> {
  if (cli.child.exitCode !== null || cli.child.signalCode !== null) return [];
  const { stdout: list } = await docker(['ps', '--no-trunc', '--format', '{{.ID}} {{.Names}} {{.Labels}}']);
  const own = list.split('\n').filter((line) => runPattern(cli).test(line));
  const script =
    'for file in /run/secrets/*_password /run/replibench-*; do [ ! -f $file ] || { cat $file; echo; }; done';
  for (const [id = ''] of own.map((line) => line.split(' '))) {
    const { stdout } = await docker(['exec', id, 'sh', '-c', script]);
    const secrets = stdout.split('\n').filter(Boolean);
    if (secrets.length > 0) return secrets;
  }
  return null;
}

/** Path and text of each file of a folder and its folders. */
async function filesOf(parent: string): Promise<readonly (readonly [string, string])[]> {
  const entries = await readdir(parent, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(paths.map(async (path) => [path, await readFile(path, 'utf8')] as const));
}

async function readingsOf(run: string): Promise<readonly Reading[]> {
  const lines = (await readFile(join(run, 'journal.ndjson'), 'utf8')).split('\n').filter(Boolean);
  const entries: JournalEntry[] = lines.map((line) => JSON.parse(line));
  return entries.flatMap((entry) => (entry.type === 'readings' ? entry.readings : []));
}
