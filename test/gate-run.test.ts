/** Whole gates of somebody else's application, in a repository of its own. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunResult } from '../bench/model.ts';
import { leftoversWithin, nothing, onlyRun, runCli, startCli } from './support/cli.ts';

// Six blocks of two visits, on whatever else the machine does.
vi.setConfig({ testTimeout: 400_000 });

const root = resolve(import.meta.dirname, '..');
let repository: string;
let reports: string;

function git(...args: string[]): string {
  const who = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...who, ...args], { cwd: repository, encoding: 'utf8' }).trim();
}

beforeEach(async () => {
  repository = await mkdtemp(join(tmpdir(), 'gated shop '));
  reports = join(repository, 'reports');
  await cp(join(import.meta.dirname, 'fixtures/bookshop'), repository, { recursive: true });
  await symlink(join(root, 'node_modules'), join(repository, 'node_modules'));
  await writeFile(join(repository, '.gitignore'), 'node_modules\nreports\n');
  // One metric and one look: the exact test of six blocks can just reject at 5 %.
  const left = Object.fromEntries(['read.qps', 'read.p95Ms', 'write.p95Ms'].map((name) => [name, false]));
  const rules = { metrics: left, looks: [6], guards: [{ metric: 'errors.ratio', max: 0.01 }] };
  await writeFile(join(repository, 'replibench.gate.json'), JSON.stringify(rules));
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-qm', 'a shop');
});
afterEach(() => rm(repository, { recursive: true, force: true }));

const install = `ln -s '${join(root, 'node_modules')}' node_modules`;
const flags = (...more: string[]) => [
  ...['gate', '--out', reports, '--replicas', '0', '--slice-seconds', '1', '--install', install],
  ...more,
];

/** A change of the working tree that nobody has committed. */
async function change(from: string, to: string): Promise<void> {
  const path = join(repository, 'server.js');
  const text = await readFile(path, 'utf8');
  expect(text).toContain(from);
  await writeFile(path, text.replace(from, to));
}

const readResult = async (run: string): Promise<RunResult> =>
  JSON.parse(await readFile(join(run, 'result.json'), 'utf8'));

/** Folder of the reference, which every gate names in no output: found by its mark. */
const checkouts = (): string =>
  execFileSync('sh', ['-c', `ls -d ${tmpdir()}/replibench-*.checkout 2>/dev/null || true`], {
    encoding: 'utf8',
  });

test('a change that costs CPU fails, with metric, size and interval, and leaves nothing', async () => {
  await change(
    'app.use(express.json());',
    'app.use((q, s, next) => { const until = performance.now() + 3; while (performance.now() < until); next(); });\napp.use(express.json());',
  );
  const { code, output } = await runCli(flags('--against', 'HEAD'), { cwd: repository });
  const run = await onlyRun(reports);
  const result = await readResult(run);
  const [row] = result.gate?.rows ?? [];
  expect(row?.metric).toBe('app.cpuMsPerRequest');
  expect(row?.effect, output).toBeGreaterThan(0.5);
  expect(result.arms.map(({ name, build }) => [name, build?.dirty])).toEqual([
    ['reference', false],
    ['candidate', true],
  ]);
  // Other tests on the same cores may make it invalid; a pass it is never.
  expect([1, 3], output).toContain(code);
  expect(code).toBe(result.exitCode);
  if (code === 1) expect(result.gate?.verdict).toBe('fail');
  expect(await leftoversWithin(0, result.runId)).toEqual(nothing);
  expect(checkouts()).toBe('');
  expect(git('worktree', 'list').split('\n')).toHaveLength(1);
});

describe('a gate that cannot be measured is no pass', () => {
  test('a candidate that does not start: its last words, exit code 3', async () => {
    await change('const app = express();', "const app = express();\nthrow new Error('no such setting');");
    const { code, output } = await runCli(flags('--against', 'HEAD'), { cwd: repository });
    expect(output).toContain('no such setting');
    expect(code, output).toBe(3);
    expect(checkouts()).toBe('');
  });

  test('too few recorded runs: how many there are, how many are needed', async () => {
    await change('const app = express();', 'const app = express(); // changed');
    const { code, output } = await runCli(flags('--history', '--against', 'HEAD'), { cwd: repository });
    expect(output).toMatch(/has 0 runs of bookshop against this anchor .* at least 10 are needed/s);
    expect(code).toBe(3);
  });

  test('killed, it leaves neither checkout nor cluster', async () => {
    await change('const app = express();', 'const app = express(); // changed');
    const cli = startCli(flags('--against', 'HEAD'), { cwd: repository });
    await cli.printed(/block 1\/6 · \w+ · steady/);
    const { runId } = JSON.parse(await readFile(join(await onlyRun(reports), 'plan.json'), 'utf8'));
    expect(checkouts()).not.toBe('');
    cli.child.kill('SIGKILL');
    await cli.ended;
    expect(await leftoversWithin(5_000, runId)).toEqual(nothing);
    await vi.waitFor(() => expect(checkouts()).toBe(''), 5_000);
    const again = await runCli(['report', await onlyRun(reports)]);
    expect(again.code).not.toBe(0);
    expect((await readResult(await onlyRun(reports))).gate?.verdict).not.toBe('pass');
  });
});

describe('what cannot be asked', () => {
  const mistakes: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['nothing to compare', [], /is .* itself, so there is nothing to compare/],
    ['no such commit', ['--against', 'v9'], /there is no commit "v9"/],
    ['no such action', ['rehearse'], /gate has no action "rehearse"/],
    ['an anchor that nobody pinned', ['record'], /no anchor is pinned/],
    ['a variable without a value', ['--candidate-env', 'FAST'], /must be NAME=value/],
    ['a record of something else', ['record', '--candidate-env', 'FAST=1'], /leave --candidate-env out/],
    [
      'a command with the folder of this repository',
      ['--against', 'HEAD', '--scenario', 'mixed', '--app-command', 'node $REPOSITORY/server.js'],
      /both builds would run the same files/,
    ],
    [
      'a base URL elsewhere',
      ['--app-command', 'x', '--base-url', 'http://example.com'],
      /must be http:\/\/127\.0\.0\.1/,
    ],
    ['a self-test against something', ['--self-test', '1', '--against', 'HEAD'], /leave --against out/],
  ];
  test.each(mistakes)('%s: one line, exit code 2', async (_name, more, message) => {
    const given = more.map((one) => one.replace('$REPOSITORY', repository));
    const { code, output } = await runCli(flags(...given), { cwd: repository });
    expect(output).toMatch(message);
    expect(code, output).toBe(2);
    expect(existsSync(reports) ? await onlyRun(reports).catch(() => '') : '').toBe('');
  });

  test('a metric that the scenario never measures', async () => {
    await change('const app = express();', 'const app = express(); // changed');
    await writeFile(join(repository, 'replibench.gate.json'), JSON.stringify({ looks: [6] }));
    const config = join(repository, 'replibench.config.js');
    await writeFile(config, (await readFile(config, 'utf8')).replace('readShare: 0.9', 'readShare: 1'));
    const { code, output } = await runCli(flags('--against', 'HEAD'), { cwd: repository });
    expect(output).toContain('has no writes, so write.p95Ms cannot be gated');
    expect(code, output).toBe(2);
  });

  test('an application outside the repository', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'outside '));
    try {
      await cp(join(import.meta.dirname, 'fixtures/bookshop'), outside, { recursive: true });
      const config = join(outside, 'replibench.config.js');
      const { code, output } = await runCli(flags('--against', 'HEAD', '--config', config), {
        cwd: repository,
      });
      expect(output).toContain('both builds would run the same files');
      expect(code).toBe(2);
    } finally {
      await rm(outside, { recursive: true });
    }
  });

  test('a self-test of a changed tree', async () => {
    await change('const app = express();', 'const app = express(); // changed');
    const { code, output } = await runCli(flags('--self-test', '1'), { cwd: repository });
    expect(output).toContain('there are changes: commit or stash them');
    expect(code).toBe(2);
  });

  test('a folder that is no repository', async () => {
    await rm(join(repository, '.git'), { recursive: true });
    const { code, output } = await runCli(flags(), { cwd: repository });
    expect(output).toContain('is not in a git repository');
    expect(code).toBe(2);
  });
});
