import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCli } from './support/cli.ts';
import { runbookBlocks, runbookCommandLines } from './support/runbook.ts';

const lines = [...new Set(runbookCommandLines())];

describe('the runbooks', () => {
  test.each(lines)('replibench %s has these flags', async (line) => {
    const [command = '', ...rest] = line.split(/\s+/);
    const { code, output } = await runCli([command, '--help']);
    expect(code).toBe(0);
    for (const flag of rest.filter((word) => word.startsWith('--'))) expect(output).toContain(flag);
  });

  test('name services that the stack has', () => {
    const compose = readFileSync(resolve(import.meta.dirname, '../docker-compose.replication.yml'), 'utf8');
    const named = runbookBlocks().flatMap(({ commands }) =>
      commands.flatMap((line) => line.match(/\b(postgres-\w+|app\d)\b(?!-data)/g) ?? []),
    );
    expect(named.length).toBeGreaterThan(10);
    for (const service of new Set(named)) expect(compose).toContain(`\n  ${service}:\n`);
  });

  test('change nothing where they only look', () => {
    for (const { kind, commands } of runbookBlocks()) {
      if (kind === 'change') continue;
      for (const line of commands) expect(line).not.toMatch(/\b(up|rm|stop|restart|promote|ALTER|DROP)\b/);
    }
  });
});
