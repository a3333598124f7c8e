import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunResult } from '../bench/model.ts';
import { expectGoodEnd, leftoversWithin, nothing, onlyRun, runCli, startCli } from './support/cli.ts';

/** Somebody else's application: plain JavaScript, its own tables, DATABASE_URL style. */
const bookshop = join(import.meta.dirname, 'fixtures/bookshop');

// Whole runs: two or three visits of some seconds each, on whatever else the machine does.
vi.setConfig({ testTimeout: 180_000 });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli run '));
});
afterEach(() => rm(folder, { recursive: true }));

const flags = () => ['--quick', '--blocks', '1', '--slice-seconds', '1', '--out', folder];

const readResult = async (run: string): Promise<RunResult> =>
  JSON.parse(await readFile(join(run, 'result.json'), 'utf8'));

const runIdOf = (run: string): string => run.split('-').at(-1) ?? '';

test('measured one arm at a time, the second run brings the comparison', async () => {
  const first = await runCli(['measure', 'baseline', ...flags()], { cwd: bookshop });
  expectGoodEnd(first.code, await readResult(await onlyRun(folder)), first.output);
  // What a kill has left of some other run must not stop this one.
  const damaged = join(folder, '20990101T000000Z-bookshop-00000000');
  await mkdir(damaged);
  await writeFile(join(damaged, 'plan.json'), '{"arms": [');
  const second = await runCli(['measure', 'replicated', ...flags()], { cwd: bookshop });
  expect(second.output).toContain(`ignored ${damaged}`);
  await rm(damaged, { recursive: true });
  const newest = (await readdir(folder)).sort().at(-1) ?? '';
  expectGoodEnd(second.code, await readResult(join(folder, newest)), second.output);
  const combined: RunResult = JSON.parse(await readFile(join(folder, newest, 'comparison.json'), 'utf8'));
  expect(combined.arms.map((arm) => arm.name)).toEqual(['baseline', 'replicated']);
  expect(combined.interleaved).toBe(false);
  const rates = combined.arms.map(
    (arm) => arm.slices.find((slice) => slice.kind === 'steady')?.offeredRateHz,
  );
  expect(rates[0]).toBe(rates[1]);
  for (const name of ['comparison.md', 'comparison.html'])
    expect(await readFile(join(folder, newest, name), 'utf8')).toContain('not interleaved');
});

describe('an end that nobody planned', () => {
  test('SIGINT during a slice keeps the finished ones, writes the report and exits with 130', async () => {
    const cli = startCli(['compare', ...flags(), '--live'], { cwd: bookshop });
    await cli.printed(/live view: \S+\n/);
    const live = /live view: (\S+)\n/.exec(cli.output())?.[1] ?? '';
    const page = await (await fetch(live)).text();
    expect(page).toContain('RUNNING');
    // The line of a slice is printed when it is finished.
    await cli.printed(/block 1\/1 · \w+ · steady/);
    cli.child.kill('SIGINT');
    const { code, output } = await cli.ended;
    await expect(fetch(live)).rejects.toThrow();
    expect(code, output).toBe(130);
    const run = await onlyRun(folder);
    const result = await readResult(run);
    expect(result.completion.outcome).toBe('interrupted');
    expect(result.arms.flatMap((arm) => arm.slices)).not.toEqual([]);
    for (const name of ['report.md', 'report.html'])
      expect(await readFile(join(run, name), 'utf8')).toContain('interrupted');
    expect(await leftoversWithin(0, runIdOf(run))).toEqual(nothing);
  });

  test('SIGKILL leaves nothing within five seconds, and the report can be made of what was finished', async () => {
    const cli = startCli(['compare', ...flags()], { cwd: bookshop });
    await cli.printed(/block 1\/1 · \w+ · steady/);
    cli.child.kill('SIGKILL');
    await cli.ended;
    const run = await onlyRun(folder);
    expect(await leftoversWithin(5_000, runIdOf(run))).toEqual(nothing);
    const { code, output } = await runCli(['report', run]);
    expect(output).toContain('CUT OFF');
    const result = await readResult(run);
    // Inconclusive; or invalid, when other tests took the machine meanwhile.
    expect([3, 4]).toContain(code);
    expect(code).toBe(result.exitCode);
    expect(result.completion.outcome).toBe('cut-off');
    expect(result.arms.flatMap((arm) => arm.slices).length).toBeGreaterThan(0);
  });

  test('a replica that is killed during a slice ends the run with its name and exit code 3', async () => {
    const cli = startCli(['compare', ...flags(), '--slice-seconds', '3'], { cwd: bookshop });
    await cli.printed(/block 1\/1 · replicated · warm-up/);
    const run = await onlyRun(folder);
    process.kill(serverOf(runIdOf(run), 'replica1'), 'SIGKILL');
    const { code, output } = await cli.ended;
    expect(output).toMatch(/replica1 .*during the measurement/);
    expect(code, output).toBe(3);
    expect((await readResult(run)).completion.outcome).toBe('failed');
    expect(await leftoversWithin(0, runIdOf(run))).toEqual(nothing);
  });

  test('an application that dies during a slice ends the run with its last words and exit code 3', async () => {
    const cli = startCli(['compare', ...flags(), '--slice-seconds', '3'], { cwd: bookshop });
    await cli.printed(/block 1\/1 · \w+ · warm-up/);
    const run = await onlyRun(folder);
    for (const pid of pidsOf(/node server\.js/, runIdOf(run))) process.kill(pid, 'SIGKILL');
    const { code, output } = await cli.ended;
    expect(output).toContain('the application stopped during the measurement');
    expect(code, output).toBe(3);
    expect(await leftoversWithin(0, runIdOf(run))).toEqual(nothing);
  });
});

/** The postmaster of one node: its data folder is in its command line. */
function serverOf(runId: string, node: string): number {
  const [pid] = pidsOf(new RegExp(`postgres -D \\S*${runId}\\S*/${node} `));
  if (pid === undefined) throw new Error(`no server of ${node} in run ${runId}`);
  return pid;
}

function pidsOf(command: RegExp, runId?: string): readonly number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return lines
    .filter((line) => command.test(line))
    .map((line) => Number(line.trim().split(' ')[0]))
    .filter((pid) => runId === undefined || environmentOf(pid).includes(`REPLIBENCH_RUN_ID=${runId}`));
}

function environmentOf(pid: number): string {
  try {
    return execFileSync('cat', [`/proc/${pid}/environ`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return ''; // it has ended by itself since
  }
}
