import { findStack, type StackOptions } from '../topology/compose/stack.ts';
import { observeStack } from './observe/observe-stack.ts';
import { stackTarget } from './stack-target.ts';
import type { CheckResult } from './verify/check.ts';
import { verify } from './verify/verify.ts';

export interface VerifyStackOptions extends StackOptions {
  readonly readPath: string;
  readonly signal: AbortSignal;
  readonly onCheck?: (result: CheckResult) => void;
}

/** Verifies a compose stack that runs. Throws EnvironmentError when there is none. */
export async function verifyStack(options: VerifyStackOptions): Promise<readonly CheckResult[]> {
  const stack = await findStack(options);
  const target = stackTarget(stack, await observeStack(stack), options.readPath);
  return verify({ ...options, target });
}
