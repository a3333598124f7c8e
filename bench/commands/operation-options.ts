import type { Command } from 'commander';
import { externalVariables } from '../experiment/external-target.ts';
import { addServerUrls } from './external-options.ts';

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

/** Flags of `verify --topology external`. */
export function addServerOptions(command: Command): Command {
  return addServerUrls(command)
    .option('--replicated-url <url>', `application that reads replicas [${externalVariables.replicatedUrl}]`)
    .option('--allow-writes', 'let one row be written and removed again; the test is skipped otherwise');
}
