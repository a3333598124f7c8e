/** One stack for the cases of a file: it is started once, and every case leaves it healthy for the next. */
import { afterAll, beforeAll, vi } from 'vitest';
import { type ComposeStack, composeStack } from '../support/compose.ts';
import { describeWithEngine } from '../support/engine.ts';

// Each starts several commands, each of which waits for a stack: on a busy machine that takes its time.
const patienceMs = 900_000;

type Cases = (stack: () => ComposeStack) => void;

export function describeOperatedStack(...cases: readonly Cases[]): void {
  vi.setConfig({ testTimeout: patienceMs });
  describeWithEngine('operating a stack', () => {
    let stack: ComposeStack;
    beforeAll(async () => {
      stack = await composeStack();
      await stack.up();
    });
    afterAll(() => stack?.[Symbol.asyncDispose]());
    for (const some of cases) some(() => stack);
  });
}
