/** The runbooks, by hand. */
import { afterAll, beforeAll, vi } from 'vitest';
import { type ComposeStack, composeStack } from '../support/compose.ts';
import { describeWithEngine } from '../support/engine.ts';
import { runbookCases } from './runbook-cases.ts';

// Each starts several commands, each of which waits for a stack: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 900_000 });

describeWithEngine('operating a stack', () => {
  let stack: ComposeStack;
  beforeAll(async () => {
    stack = await composeStack();
    await stack.up();
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());
  const running = () => stack;
  runbookCases(running);
});
