import { exitCodes } from '../model.ts';
import { renderStatus } from '../operations/status/render.ts';
import type { Status } from '../operations/status/status.ts';
import { watchStack } from '../operations/status/watch-stack.ts';
import type { CommandContext } from './context.ts';
import type { StackFlags } from './operation-options.ts';

export interface StatusFlags extends StackFlags {
  /** Seconds; true = the default. */
  readonly watch?: number | true;
  readonly json?: true;
}

const defaultWatchSeconds = 2;
const clearScreen = '\x1b[H\x1b[J';

/**
 * `status`: the stack as one table, once or again every few seconds until it is interrupted.
 * @returns 0
 * @throws EnvironmentError when there is no stack
 */
export async function statusCommand(flags: StatusFlags, context: CommandContext): Promise<number> {
  const { signal, isTty } = context;
  const seconds = flags.watch === true ? defaultWatchSeconds : flags.watch;
  const everyMs = seconds === undefined ? null : seconds * 1000;
  const redraws = everyMs !== null && isTty && flags.json !== true;
  for await (const status of watchStack({ ...flags, everyMs, signal }))
    context.write(`${redraws ? clearScreen : ''}${show(status, flags)}`);
  return exitCodes.pass;
}

function show(status: Status, flags: StatusFlags): string {
  if (flags.json === true) return `${JSON.stringify(status)}\n`;
  if (flags.watch === undefined) return `${renderStatus(status)}\n`;
  return `${status.at}\n${renderStatus(status)}\n\n`;
}
