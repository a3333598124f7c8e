/** The seed's five verification tests on a cluster and application that run, whatever runs them. */
import { reasonOf } from '../ask.ts';
import { type CheckName, type CheckResult, checkNames, failed, type VerifyContext } from './check.ts';
import { checkLag } from './lag.ts';
import { checkReadOnly } from './read-only.ts';
import { checkReadSpread } from './read-spread.ts';
import { checkStreaming } from './streaming.ts';
import { checkWriteRead } from './write-read.ts';

const checks: Readonly<Record<CheckName, (context: VerifyContext) => Promise<CheckResult>>> = {
  streaming: checkStreaming,
  lag: checkLag,
  'write-read': checkWriteRead,
  'read-only': checkReadOnly,
  'read-spread': checkReadSpread,
};

/**
 * Runs all five, whatever the others found; `onCheck` gets each result at once. A check that breaks has
 * failed. Throws the signal's reason when aborted.
 */
export async function verify(
  context: VerifyContext & { readonly onCheck?: (result: CheckResult) => void },
): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  for (const name of checkNames) {
    context.signal.throwIfAborted();
    const result = await checks[name](context).catch((error: unknown) => {
      context.signal.throwIfAborted();
      return failed(name, reasonOf(error, context.target.primary ?? undefined), 'see the message');
    });
    results.push(result);
    context.onCheck?.(result);
  }
  return results;
}

/** `ok      streaming    replica1 streaming (async)`; what to do stands on a line of its own. */
export function checkLine({ name, outcome, evidence, advice }: CheckResult): string {
  const word = { ok: 'ok', failed: 'FAILED', skipped: 'skipped' }[outcome];
  const line = `${word.padEnd(8)}${name.padEnd(13)}${evidence}`;
  return advice === null ? line : `${line}\n${' '.repeat(21)}→ ${advice}`;
}
