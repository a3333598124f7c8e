/** Failover: refused, forward and back ten times under writes, and with a dead primary. */
import { afterAll, beforeAll, vi } from 'vitest';
import { type ComposeStack, composeStack } from '../support/compose.ts';
import { describeWithEngine } from '../support/engine.ts';
import { failoverCases, refusalCases } from './failover-cases.ts';

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
  refusalCases(running);
  failoverCases(running);
});
