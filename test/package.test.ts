import { execFileSync, spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunResult } from '../bench/model.ts';
import { expectGoodEnd, leftoversWithin, nothing, onlyRun } from './support/cli.ts';

/**
 * The package as npm would ship it, installed into somebody else's project: the bookshop, plain
 * JavaScript with tables of its own, in a folder outside this repository.
 */
const root = resolve(import.meta.dirname, '..');
let project: string;
let shipped: string;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'book shop '));
  await cp(join(root, 'test/fixtures/bookshop'), project, { recursive: true });
  execFileSync('npm', ['pack', '--pack-destination', project], { cwd: root, stdio: 'pipe' });
  shipped = join(project, 'node_modules/replibench');
  await mkdir(shipped, { recursive: true });
  const [archive] = (await readdir(project)).filter((name) => name.endsWith('.tgz'));
  execFileSync('tar', ['-xzf', join(project, archive ?? ''), '-C', shipped, '--strip-components=1']);
  // What an installation would fetch is already on this machine.
  for (const name of await readdir(join(root, 'node_modules'))) {
    if (!name.startsWith('.'))
      await symlink(join(root, 'node_modules', name), join(project, 'node_modules', name));
  }
});
afterAll(() => rm(project, { recursive: true }));

const cli = (...args: string[]) =>
  spawnSync(process.execPath, [join(shipped, 'dist/bench/cli.js'), ...args], {
    cwd: project,
    encoding: 'utf8',
  });

test('holds what runs, its types and the schema, and neither sources nor tests', async () => {
  expect((await readdir(shipped)).sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json']);
  expect((await readdir(join(shipped, 'dist'))).sort()).toEqual(['bench', 'scenarios', 'src']);
  const files = await readdir(join(shipped, 'dist'), { recursive: true });
  expect(files).toContain('bench/index.d.ts');
  expect(files).toContain('bench/report/result.schema.json');
  expect(files).toContain('bench/commands/gate/replibench.gate.schema.json');
  expect(files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([]);
});

test('has the router as a library of its own, for any application with Sequelize', async () => {
  const program = join(project, 'routed.mjs');
  await writeFile(
    program,
    `import { createDatabase } from 'replibench/routing';
    const { sequelize, router } = createDatabase({
      routing: 'balanced', dialect: 'postgres', database: 'd', username: 'u', password: 'p', logging: false,
      replication: { write: { host: '127.0.0.1', port: 1 }, read: [{ host: '127.0.0.1', port: 2 }] },
    });
    console.log(router.cluster.nodes.map(({ name }) => name).join(' '));
    await sequelize.query('SELECT 1', { type: 'SELECT' }).catch((error) => console.log(error.name));
    await sequelize.close();`,
  );
  const { stdout, stderr, status } = spawnSync(process.execPath, [program], {
    cwd: project,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(stdout).toBe('primary replica1\nReadRejectedError\n');
  expect(status).toBe(0);
  expect(await readdir(join(shipped, 'dist/src/db/routing'))).toContain('index.d.ts');
});

test('measures another application on both arms from its own folder and leaves nothing but the report', async () => {
  const config = await readFile(join(project, 'replibench.config.js'), 'utf8');
  await rm(join(project, 'replibench.config.js'));
  const typed = config.replace(
    'export default {',
    "import { defineConfig } from 'replibench';\n\nexport default defineConfig({",
  );
  await writeFile(join(project, 'replibench.config.ts'), typed.replace(/\};\s*$/, '});\n'));

  const { status, stdout, stderr } = cli('compare', '--quick', '--blocks', '1', '--slice-seconds', '1');
  expect(stdout).toContain('bookshop');
  const run = await onlyRun(join(project, 'reports'));
  const result: RunResult = JSON.parse(await readFile(join(run, 'result.json'), 'utf8'));
  expectGoodEnd(status, result, stdout + stderr);
  expect(result.arms.map((arm) => [arm.name, arm.replicas, arm.slices.length])).toEqual([
    ['baseline', 0, 3],
    ['replicated', 2, 3],
  ]);
  for (const slice of result.arms.flatMap((arm) => arm.slices)) {
    expect(slice.outcomes.ok).toBeGreaterThan(0);
    expect(slice.outcomes['http-error']).toBe(0);
  }
  // Replicas that nobody reads from burn next to nothing: the application's own reads went there.
  expect(result.arms[1]?.metrics['replicas.cpuPercent']?.value).toBeGreaterThan(1);
  expect((await readdir(run)).sort()).toEqual([
    'charts',
    'histograms',
    'journal.ndjson',
    'plan.json',
    'report.html',
    'report.md',
    'result.json',
  ]);
  for (const file of ['journal.ndjson', 'plan.json', 'report.html', 'report.md', 'result.json']) {
    expect(await readFile(join(run, file), 'utf8'), file).not.toMatch(/"password"|postgres:\/\//);
  }
  expect(await leftoversWithin(0, result.runId)).toEqual(nothing);
}, 120_000);
