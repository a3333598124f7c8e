import { exitCodes } from '../model.ts';
import { failover, LossRefused } from '../operations/failover/failover.ts';
import { checkLine } from '../operations/verify/verify.ts';
import { verifyStack } from '../operations/verify-stack.ts';
import type { CommandContext } from './context.ts';
import type { StackFlags } from './operation-options.ts';

export interface FailoverFlags extends StackFlags {
  readonly to: string;
  readonly acceptLoss?: true;
  readonly rejoin: boolean;
  readonly readPath: string;
}

/**
 * `failover`: another node becomes the primary, step by step, and the five tests at the end.
 * @returns 0 done and verified, 1 refused because data would be lost, or a test failed at the end
 * @throws UsageError when that node cannot take over, EnvironmentError when a step fails
 */
export async function failoverCommand(flags: FailoverFlags, context: CommandContext): Promise<number> {
  const { signal } = context;
  const say = (line: string) => context.write(`${line}\n`);
  try {
    await failover({ ...flags, acceptLoss: flags.acceptLoss === true, signal, say });
  } catch (error) {
    if (!(error instanceof LossRefused)) throw error;
    context.write(`REFUSED  ${error.message}\n`);
    return exitCodes.fail;
  }
  // Without the old primary there is a replica too few, and the tests would say so.
  if (!flags.rejoin) return exitCodes.pass;
  context.write('\n');
  const results = await verifyStack({ ...flags, signal, onCheck: (result) => say(checkLine(result)) });
  return results.every(({ outcome }) => outcome === 'ok') ? exitCodes.pass : exitCodes.fail;
}
