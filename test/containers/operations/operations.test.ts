/**
 * verify, status and doctor against one stack in containers: it is started once, and every test
 * leaves it healthy for the next.
 */
import { afterAll, beforeAll, vi } from 'vitest';
import { type ComposeStack, composeStack } from '../support/compose.ts';
import { describeWithEngine } from '../support/engine.ts';
import { doctorCases } from './doctor-cases.ts';
import { verifyCases } from './verify-cases.ts';

// Each starts several commands, each of which waits for a stack: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 600_000 });

describeWithEngine('operating a stack', () => {
  let stack: ComposeStack;
  beforeAll(async () => {
    stack = await composeStack();
    await stack.up();
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());
  const running = () => stack;
  verifyCases(running);
  doctorCases(running);
});
