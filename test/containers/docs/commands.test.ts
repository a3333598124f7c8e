/** Runs the commands of the documentation word for word, on one stack. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root } from '../../docs/commands.ts';
import { coverage, isLive } from '../../docs/coverage.ts';
import { type ComposeStack, composeStack } from '../support/compose.ts';
import { describeWithEngine } from '../support/engine.ts';

const run = promisify(execFile);
const live = coverage.filter(isLive);

describeWithEngine('the documentation, on a live stack', () => {
  let stack: ComposeStack;

  beforeAll(async () => {
    stack = await composeStack();
    await stack.up();
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  it.each(live)('$command', async ({ command, prints }) => {
    const env = { ...process.env, ...stack.variables, COMPOSE_PROJECT_NAME: stack.project };
    // Compose tells what it does on the error stream.
    const { stdout, stderr } = await run('bash', ['-euo', 'pipefail', '-c', command], { cwd: root, env });
    expect(stdout + stderr).toMatch(prints);
  });
});

describeWithEngine('.env.example', () => {
  it.each(['docker-compose.replication.yml', 'docker-compose.yml'])(
    'with passwords in it is all that %s needs, and without them nothing starts',
    async (file) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'replibench-docs-'));
      try {
        for (const part of [file, 'docker', '.env.example'])
          await cp(path.join(root, part), path.join(folder, part), { recursive: true });
        const compose = (): Promise<unknown> =>
          run('docker', ['compose', '-f', file, 'config', '--quiet'], {
            cwd: folder,
            env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
          });
        await cp(path.join(folder, '.env.example'), path.join(folder, '.env'));
        await expect(compose()).rejects.toThrow(/set \w+_PASSWORD in \.env/);
        const example = await readFile(path.join(folder, '.env'), 'utf8');
        await writeFile(path.join(folder, '.env'), example.replaceAll(/^(\w+_PASSWORD)=$/gm, '$1=secret'));
        await compose();
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});
