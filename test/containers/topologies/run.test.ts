import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { JournalEntry, Reading, RunResult } from '../../../bench/model.ts';
import { expectGoodEnd, leftoversWithin, nothing, onlyRun, runCli, startCli } from '../../support/cli.ts';
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
/** Not what happens to be there under the default name: it may be of other sources. */
const env = { APP_IMAGE: applicationImage };
const runIdOf = (run: string): string => run.split('-').at(-1) ?? '';

const expected = {
  testcontainers: {
    cpu: ['app', 'docker', 'primary', 'replica1', 'replica2'],
    memory: ['app', 'primary', 'replica1', 'replica2'],
    metrics: ['app'],
  },
  compose: {
    cpu: ['app1', 'app2', 'app3', 'docker', 'nginx', 'primary', 'redis', 'replica1', 'replica2'],
    memory: ['app1', 'app2', 'app3', 'nginx', 'primary', 'redis', 'replica1', 'replica2'],
    metrics: ['app1', 'app2', 'app3'],
  },
} as const;

describeWithEngine('--topology', () => {
  test.each(['testcontainers', 'compose'] as const)(
    '%s: a whole run, every reading, nothing left',
    async (topology) => {
      const { code, output } = await runCli(flags(topology), { env });
      // A run that could not even be set up has written nothing: why, it has said.
      expect(output).toContain('report: ');
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
      expect(subjects('cpu', 'cpuMs')).toEqual(expect.arrayContaining([...expected[topology].cpu]));
      // Held to their quotas, by the engine.
      expect(subjects('cpu', 'throttledMs')).toEqual(
        expect.arrayContaining(['primary', 'replica1', 'replica2']),
      );
      expect(subjects('memory', 'memoryBytes')).toEqual(expected[topology].memory);
      expect(subjects('app', 'rssBytes')).toEqual(expected[topology].metrics);

      const runId = runIdOf(run);
      expect(await leftInEngine(runId)).toEqual([]);
      expect(await leftoversWithin(10_000, runId)).toEqual(nothing);
      for (const file of ['plan.json', 'journal.ndjson', 'report.md', 'result.json'])
        expect(await readFile(join(run, file), 'utf8'), file).not.toMatch(/password["=:]/i);
    },
  );

  test.each([
    ['testcontainers', /start primary/],
    ['compose', /start nodes/],
  ])('%s: killed with SIGKILL, it leaves nothing', async (topology, step) => {
    const cli = startCli(flags(topology), { env });
    await cli.printed(step);
    const runId = await until('the run to have made something', async () => {
      const names = (await readdir(tmpdir())).concat(await leftInEngine('replibench-'));
      const own = names.map(
        (name) => new RegExp(`replibench-([0-9a-f]{8})-${cli.child.pid}-`).exec(name)?.[1],
      );
      return own.find((id) => id !== undefined);
    });
    expect(await leftInEngine(runId)).not.toEqual([]);
    cli.child.kill('SIGKILL');
    await cli.ended;
    await until('everything to be gone', async () => (await leftInEngine(runId)).length === 0);
    expect(await leftoversWithin(60_000, runId)).toEqual(nothing);
  });
});

async function readingsOf(run: string): Promise<readonly Reading[]> {
  const lines = (await readFile(join(run, 'journal.ndjson'), 'utf8')).split('\n').filter(Boolean);
  const entries: JournalEntry[] = lines.map((line) => JSON.parse(line));
  return entries.flatMap((entry) => (entry.type === 'readings' ? entry.readings : []));
}
