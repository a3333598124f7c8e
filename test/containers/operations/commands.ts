/** The operators' commands against a test's stack, as a user types them. */
import { expect } from 'vitest';
import { type CliRun, startCli } from '../../support/cli.ts';
import type { ComposeStack } from '../support/compose.ts';

export interface CommandEnd {
  readonly code: number | null;
  readonly output: string;
}

export function start(stack: ComposeStack, ...args: string[]): CliRun {
  return startCli([...args, '--project', stack.project, '--env-file', stack.envFile]);
}

/** Runs a command to its end; what it prints must never contain one of the stack's passwords. */
export async function run(stack: ComposeStack, ...args: string[]): Promise<CommandEnd> {
  const { code, output } = await start(stack, ...args).ended;
  for (const [name, value] of Object.entries(stack.variables))
    if (name.endsWith('_PASSWORD')) expect(output).not.toContain(value);
  return { code, output };
}

/** Runs a command that must end well. */
export async function succeed(stack: ComposeStack, ...args: string[]): Promise<string> {
  const { code, output } = await run(stack, ...args);
  expect(code, output).toBe(0);
  return output;
}

/** `verify` says five times ok. */
export async function expectFiveOk(stack: ComposeStack): Promise<void> {
  const output = await succeed(stack, 'verify');
  expect(output.match(/^ok /gm), output).toHaveLength(5);
}

/** The kinds of problem that `doctor` names, each with whom it names: `container-down replica1`. */
export function problemsIn(output: string): readonly string[] {
  return [...output.matchAll(/^PROBLEM {2}(\S+): .* \(([a-z-]+)\)$/gm)].map(
    ([, who, kind]) => `${kind} ${who}`,
  );
}
