/** Whole gates of somebody else's application, in a repository of its own. */
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { leftoversWithin, nothing, onlyRun, runCli, startCli } from '../support/cli.ts';
import { checkouts, flags, openShop, readResult, type Shop } from './shop.ts';

let shop: Shop;
let repository: string;
let reports: string;

beforeEach(async () => {
  shop = await openShop();
  ({ repository, reports } = shop);
});
afterEach(() => shop[Symbol.asyncDispose]());

// Once more when the machine was taken by others, which is invalid and no answer.
test('a change that costs CPU fails, with metric, size and interval, and leaves nothing', {
  retry: 2,
}, async () => {
  await shop.change(
    'app.use(express.json());',
    'app.use((q, s, next) => { const until = performance.now() + 3; while (performance.now() < until); next(); });\napp.use(express.json());',
  );
  const { code, output } = await runCli(flags(reports, '--against', 'HEAD'), { cwd: repository });
  const run = await onlyRun(reports);
  const result = await readResult(run);
  const [row] = result.gate?.rows ?? [];
  expect(row?.metric).toBe('app.cpuMsPerRequest');
  expect(row?.effect, output).toBeGreaterThan(0.5);
  expect(result.arms.map(({ name, build }) => [name, build?.dirty])).toEqual([
    ['reference', false],
    ['candidate', true],
  ]);
  expect(code, output).toBe(1);
  expect(result).toMatchObject({ exitCode: 1, gate: { verdict: 'fail' } });
  // Wrapped to the width of the terminal.
  expect(output.replaceAll(/\s+/g, ' ')).toMatch(
    /FAIL: The candidate fails .*CPU per request is [\d.,]+ % higher \[[\d.,]+ to /,
  );
  expect(await leftoversWithin(0, result.runId)).toEqual(nothing);
  expect(checkouts()).toBe('');
  expect(shop.git('worktree', 'list').split('\n')).toHaveLength(1);
});

describe('a gate that cannot be measured is no pass', () => {
  test('a candidate that does not start: its last words, exit code 3', async () => {
    await shop.change(
      'const app = express();',
      "const app = express();\nthrow new Error('no such setting');",
    );
    const { code, output } = await runCli(flags(reports, '--against', 'HEAD'), { cwd: repository });
    expect(output).toContain('no such setting');
    expect(code, output).toBe(3);
    expect(checkouts()).toBe('');
  });

  test('too few recorded runs: how many there are, how many are needed', async () => {
    await shop.change('const app = express();', 'const app = express(); // changed');
    const { code, output } = await runCli(flags(reports, '--history', '--against', 'HEAD'), {
      cwd: repository,
    });
    expect(output).toMatch(/has 0 runs of bookshop against this anchor .* at least 10 are needed/s);
    expect(code).toBe(3);
  });

  test('killed, it leaves neither checkout nor cluster', async () => {
    await shop.change('const app = express();', 'const app = express(); // changed');
    const cli = startCli(flags(reports, '--against', 'HEAD'), { cwd: repository });
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
    [
      'a self-test of something else',
      ['--self-test', '1', '--candidate-env', 'FAST=1'],
      /leave --candidate-env out/,
    ],
    ['a self-test against something', ['--self-test', '1', '--against', 'HEAD'], /leave --against out/],
  ];
  test.each(mistakes)('%s: one line, exit code 2', async (_name, more, message) => {
    const given = more.map((one) => one.replace('$REPOSITORY', repository));
    const { code, output } = await runCli(flags(reports, ...given), { cwd: repository });
    expect(output).toMatch(message);
    expect(code, output).toBe(2);
    expect(existsSync(reports) ? await onlyRun(reports).catch(() => '') : '').toBe('');
  });

  test('a metric that the scenario never measures', async () => {
    await shop.change('const app = express();', 'const app = express(); // changed');
    await writeFile(join(repository, 'replibench.gate.json'), JSON.stringify({ looks: [7] }));
    const config = join(repository, 'replibench.config.js');
    await writeFile(config, (await readFile(config, 'utf8')).replace('readShare: 0.9', 'readShare: 1'));
    const { code, output } = await runCli(flags(reports, '--against', 'HEAD'), { cwd: repository });
    expect(output).toContain('has no writes, so write.p95Ms cannot be gated');
    expect(code, output).toBe(2);
  });

  test('an application outside the repository', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'outside '));
    try {
      await cp(join(import.meta.dirname, '../fixtures/bookshop'), outside, { recursive: true });
      const config = join(outside, 'replibench.config.js');
      const { code, output } = await runCli(flags(reports, '--against', 'HEAD', '--config', config), {
        cwd: repository,
      });
      expect(output).toContain('both builds would run the same files');
      expect(code).toBe(2);
    } finally {
      await rm(outside, { recursive: true });
    }
  });

  test('a self-test of a changed tree', async () => {
    await shop.change('const app = express();', 'const app = express(); // changed');
    const { code, output } = await runCli(flags(reports, '--self-test', '1'), { cwd: repository });
    expect(output).toContain('there are changes: commit or stash them');
    expect(code).toBe(2);
  });

  test('a folder that is no repository', async () => {
    await rm(join(repository, '.git'), { recursive: true });
    const { code, output } = await runCli(flags(reports), { cwd: repository });
    expect(output).toContain('is not in a git repository');
    expect(code).toBe(2);
  });
});
