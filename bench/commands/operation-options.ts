import type { Command } from 'commander';

/** Flags of every command that works on a compose stack somebody runs. */
export interface StackFlags {
  readonly project?: string;
  readonly envFile?: string;
}

export function addStackOptions(command: Command): Command {
  return command
    .option('-p, --project <name>', 'compose project (default: COMPOSE_PROJECT_NAME, else replibench)')
    .option('--env-file <path>', 'env file of the stack (default: the one it was started with, else .env)');
}
