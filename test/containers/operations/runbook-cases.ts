/** The runbooks' commands as they stand on the page, run by bash. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type RunbookBlock, runbookBlocks } from '../../support/runbook.ts';
import type { ComposeStack } from '../support/compose.ts';
import { expectFiveOk, succeed } from './commands.ts';

const root = resolve(import.meta.dirname, '../../..');

export function runbookCases(stack: () => ComposeStack): void {
  test('the runbooks: everything that looks', async () => {
    const blocks = runbookBlocks().filter(({ kind }) => kind === 'look');
    expect(blocks.length).toBeGreaterThan(4);
    for (const block of blocks) await bash(stack(), block);
  });

  test('the runbooks: a rebuild and applications recreated by hand', async () => {
    for (const section of ['A replica must be rebuilt', 'The application does not use the replicas'])
      for (const block of changes(section)) await bash(stack(), block);
    expect(await succeed(stack(), 'doctor')).toMatch(/^healthy/);
  });

  test('the runbooks: a failover by hand', async () => {
    const [block] = changes('Failover');
    if (block === undefined) throw new Error('the page has no failover by hand');
    await bash(stack(), block);
    expect(await succeed(stack(), 'doctor')).toMatch(/^healthy/);
    await expectFiveOk(stack());
    const [row] = await stack().query<{ it: boolean }>('replica1', 'SELECT pg_is_in_recovery() AS it');
    expect(row?.it).toBe(false);
  });
}

function changes(section: string): readonly RunbookBlock[] {
  return runbookBlocks().filter((block) => block.section === section && block.kind === 'change');
}

async function bash(stack: ComposeStack, { commands }: RunbookBlock): Promise<void> {
  const script = commands.join('\n').replaceAll(/>>\.env$/gm, '>>"$ENV_FILE"');
  const env = {
    ...process.env,
    COMPOSE_FILE: 'docker-compose.replication.yml',
    COMPOSE_PROJECT_NAME: stack.project,
    COMPOSE_ENV_FILES: stack.envFile,
    ENV_FILE: stack.envFile,
  };
  await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { cwd: root, env });
}
