/** What `gate` is asked for: a verdict, an entry for the history, a verdict by the history, or a test of itself. */
import { UsageError } from '../../model.ts';
import type { CommandContext } from '../context.ts';
import { gateByHistory, recordRun } from './anchored.ts';
import { gate } from './gate.ts';
import type { GateFlags } from './gate-options.ts';
import { selfTest } from './self-test.ts';

/** @returns the exit code */
export async function gateCommand(
  action: string | undefined,
  flags: GateFlags,
  context: CommandContext,
): Promise<number> {
  if (action !== undefined && action !== 'record') {
    throw new UsageError(`gate has no action "${action}": record, or nothing`);
  }
  if (flags.selfTest !== undefined) {
    if (action !== undefined) throw new UsageError('--self-test is a gate of its own: leave "record" out');
    return selfTest(flags, flags.selfTest, context);
  }
  if (action === 'record') return recordRun(flags, context);
  return flags.history === undefined ? gate(flags, context) : gateByHistory(flags, context);
}
