import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runCli, startCli } from './support/cli.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replibench cli '));
});
afterEach(() => rm(folder, { recursive: true }));

describe('wrong usage ends with exit code 2 and says what was wrong', () => {
  test.each([
    ['an unknown flag', ['compare', '--blcoks', '3'], "unknown option '--blcoks'"],
    ['an unknown command', ['compair'], "unknown command 'compair'"],
    ['blocks that are no number', ['compare', '--blocks', 'six'], 'whole number from 1 to 200'],
    ['no blocks', ['compare', '--blocks', '0'], 'whole number from 1 to 200'],
    ['nine replicas', ['compare', '--replicas', '9'], 'whole number from 0 to 8'],
    ['a slice of no length', ['compare', '--slice-seconds', '0'], 'number from 1 to 3600'],
    ['a quota of nothing', ['compare', '--node-cpus', '0'], 'number from 0.01 to 64'],
    ['an unknown topology', ['compare', '--topology', 'moon'], 'Allowed choices are embedded'],
    [
      'an unknown scenario',
      ['compare', '--scenario', 'read-hevy'],
      'there are mixed, read-heavy, read-your-writes',
    ],
    ['a scenario file that is not there', ['compare', '--scenario', './none.ts'], 'scenario file not found'],
    ['a configuration that is not there', ['compare', '--config', 'none.ts'], 'configuration file not found'],
    [
      'a folder for runs that is a file',
      ['compare', '--out', '/etc/passwd'],
      '--out /etc/passwd cannot be written',
    ],
    [
      'a folder for runs that cannot be',
      ['compare', '--out', '/proc/none'],
      '--out /proc/none cannot be written',
    ],
    [
      'a folder for data that is not there',
      ['compare', '--data-dir', '/none'],
      '--data-dir /none is not there',
    ],
    [
      'a fault on a node that no arm has',
      ['compare', '--fault', 'kill:replica3'],
      'read-heavy: kill on replica3 would never happen: the arms have primary, replica1, replica2;',
    ],
    ['an unknown arm', ['measure', 'replicatd'], 'there is no arm "replicatd"'],
    ['a run that is not there', ['report', 'none'], 'no run at none'],
    ['no argument', ['report'], "missing required argument 'run'"],
  ])('%s', async (_, args, message) => {
    const { code, output } = await runCli(args, { cwd: folder });
    expect(output).toContain(message);
    expect(output).not.toMatch(/\n\s+at /);
    expect(code).toBe(2);
  });

  test('a scenario file with a fault names file, field and value', async () => {
    await writeFile(join(folder, 'mine.json'), JSON.stringify({ name: 'Mine', readShare: 2 }));
    const { code, output } = await runCli(['compare', '--scenario', './mine.json'], { cwd: folder });
    expect(output).toContain(join(folder, 'mine.json'));
    expect(output).toContain('readShare');
    expect(output).toContain('(got 2)');
    expect(code).toBe(2);
  });

  test('an arm that the application cannot be told apart from another', async () => {
    const path = join(folder, 'replibench.config.mjs');
    await writeFile(path, `export default { app: { command: 'true', env: () => ({}), ready: '/' } };`);
    const { code, output } = await runCli(['compare', '--arms', 'native,balanced+ryw'], { cwd: folder });
    expect(output).toContain('--arms: balanced+ryw cannot be told to');
    expect(output).toContain(`app.env in ${path} returns the same without routing`);
    expect(code).toBe(2);
  });

  test('no PostgreSQL where PG_BIN_DIR points', async () => {
    const { code, output } = await runCli(['compare', '--quick'], {
      cwd: folder,
      env: { PG_BIN_DIR: join(folder, 'no postgres') },
    });
    expect(output).toContain(join(folder, 'no postgres'));
    expect(output).not.toMatch(/\n\s+at /);
    expect(code).toBe(2);
  });
});

describe('a machine that cannot do it ends with exit code 3 and one clear message', () => {
  test("the application's port is taken", async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => taken.once('listening', done));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await writeFile(
      join(folder, 'replibench.config.mjs'),
      `export default { app: { command: 'true', env: () => ({}), ready: '/', port: ${port} } };`,
    );
    const { code, output } = await runCli(['compare', '--quick'], { cwd: folder });
    taken.close();
    expect(output).toContain(`port ${port} is in use`);
    expect(code).toBe(3);
  });

  test('an application that prints its connection does not print the password', async () => {
    await writeFile(
      join(folder, 'replibench.config.mjs'),
      `export default { app: { command: 'echo "cannot use $DATABASE_URL" >&2; exit 7', ready: '/',
        env: ({ primary }) => ({ DATABASE_URL: primary.url }) } };`,
    );
    const { code, output } = await runCli(['compare', '--quick'], { cwd: folder });
    expect(output).toMatch(/cannot use postgres:\/\/\w+:\*\*\*@127\.0\.0\.1/);
    expect(code).toBe(3);
  });

  test('an application that ends at once shows its last words', async () => {
    await writeFile(
      join(folder, 'replibench.config.mjs'),
      `export default { app: { command: 'echo the licence has expired >&2; exit 7', env: () => ({}), ready: '/' } };`,
    );
    const { code, output } = await runCli(['compare', '--quick'], { cwd: folder });
    expect(output).toContain('the licence has expired');
    expect(code).toBe(3);
  });

  test('a preparation that fails shows its last words', async () => {
    await writeFile(
      join(folder, 'replibench.config.mjs'),
      `export default { app: { command: 'true', env: () => ({}), ready: '/' }, prepare: { command: 'echo no such table >&2; exit 1' } };`,
    );
    const { code, output } = await runCli(['compare', '--quick'], { cwd: folder });
    expect(output).toContain('preparing schema and data failed');
    expect(output).toContain('no such table');
    expect(code).toBe(3);
  });
});

describe('a prepare command', () => {
  const prepared = (command: string) =>
    writeFile(
      join(folder, 'replibench.config.mjs'),
      `export default { app: { command: 'exit 9', env: () => ({}), ready: '/' }, prepare: { command: '${command}' } };`,
    );

  test('that leaves something running is not waited for', async () => {
    await prepared('sleep 300 & exit 0');
    const { code, output } = await runCli(['compare', '--quick'], { cwd: folder });
    expect(output).toContain('exit code 9');
    expect(code).toBe(3);
  });

  test('that hangs ends with Ctrl-C', async () => {
    await prepared('touch started; sleep 300');
    const cli = startCli(['compare', '--quick'], { cwd: folder });
    // What was done before that is only printed where it took long enough.
    await vi.waitFor(() => access(join(folder, 'started')), { timeout: 30_000 });
    cli.child.kill('SIGINT');
    const { code, output } = await cli.ended;
    expect(output).toContain('interrupted; everything that was started has been stopped');
    expect(code).toBe(130);
  });
});

test('a reader of the output that has seen enough does not end a measurement', async () => {
  const server = createHttpServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const json = join(folder, 'load.json');
  const cli = startCli([
    'load',
    `http://127.0.0.1:${port}/`,
    '--duration',
    '1',
    '--rate',
    '50',
    '--json',
    json,
  ]);
  await cli.printed(/127\.0\.0\.1/);
  cli.child.stdout?.destroy();
  cli.child.stderr?.destroy();
  // 3 when other tests made the generator late; a broken pipe that is not endured would be 1.
  expect([0, 3]).toContain((await cli.ended).code);
  server.close();
  expect(JSON.parse(await readFile(json, 'utf8')).outcomes.ok).toBeGreaterThan(0);
});

describe('help and starters', () => {
  test('--help and --version succeed', async () => {
    expect((await runCli(['--help'])).code).toBe(0);
    expect((await runCli(['compare', '--help'])).output).toContain('--node-cpus');
    expect((await runCli(['--version'])).output).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('init writes a starter that is valid, and overwrites nothing', async () => {
    expect((await runCli(['init'], { cwd: folder })).code).toBe(0);
    const path = join(folder, 'replibench.config.ts');
    // The starter imports the package by its name, which only an installed one resolves.
    const text = (await readFile(path, 'utf8')).replace(
      /^import .*\n/,
      'const defineConfig = (c: object) => c;\n',
    );
    await writeFile(path, text);
    const { output } = await runCli(['measure', 'nothing'], { cwd: folder });
    expect(output).toContain('there is no arm "nothing"');
    const again = await runCli(['init'], { cwd: folder });
    expect(again.code).toBe(2);
    expect(again.output).toContain('exists already');
    expect(await readFile(path, 'utf8')).toBe(text);
  });
});
