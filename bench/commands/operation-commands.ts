/** The commands for whoever runs a replicated stack: what they are called and which flags they take. */
import { Command, Option } from 'commander';
import { topologyNames } from '../model.ts';
import type { CommandContext } from './context.ts';
import { type DoctorFlags, doctorCommand } from './doctor.ts';
import { number, wholeNumber } from './experiment-options.ts';
import { type FailoverFlags, failoverCommand } from './failover.ts';
import { addServerOptions, addStackOptions } from './operation-options.ts';
import { type StatusFlags, statusCommand } from './status.ts';
import { type VerifyFlags, verifyCommand } from './verify.ts';

export function operationCommands(context: CommandContext, exit: (code: number) => void): readonly Command[] {
  const verify = addStackOptions(
    new Command('verify').description(
      'test a replicated cluster: streaming, lag, write to read, read-only, spread of reads',
    ),
  )
    .addOption(
      new Option(
        '--topology <name>',
        'compose = a stack that runs, external = servers that run; embedded and testcontainers are started and taken down',
      )
        .choices(topologyNames)
        .default('compose'),
    )
    .option('--replicas <n>', 'replicas of a cluster that is started for it', wholeNumber(1, 8), 2)
    .option('-c, --config <path>', 'replibench.config.ts of the application to start with it')
    .option(
      '--read-path <path>',
      'what to read through the application; {n} is a random number',
      '/users/{n}',
    )
    .action(async (flags: VerifyFlags) => exit(await verifyCommand(flags, context)));
  addServerOptions(verify);
  const status = addStackOptions(
    new Command('status').description('nodes and applications of a compose stack as one table'),
  )
    .option('-w, --watch [seconds]', 'again every few seconds (default: 2)', number(0.5, 3600))
    .option('--json', 'one JSON object a look')
    .action(async (flags: StatusFlags) => exit(await statusCommand(flags, context)));
  const doctor = addStackOptions(
    new Command('doctor').description('what is wrong with a compose stack, why, and what to do'),
  )
    .option('--fix', 'mend what can be mended safely; a replica is rebuilt only when nothing else helps')
    .action(async (flags: DoctorFlags) => exit(await doctorCommand(flags, context)));
  const failover = addStackOptions(
    new Command('failover').description('make another node of a compose stack the primary; can be run again'),
  )
    .requiredOption('--to <node>', 'the node that becomes the primary, for example replica1')
    .option('--accept-loss', 'go on although transactions would be lost that can be seen')
    .option('--no-rejoin', 'leave the old primary stopped')
    .option('--read-path <path>', 'what verify reads through the application', '/users/{n}')
    .action(async (flags: FailoverFlags) => exit(await failoverCommand(flags, context)));
  return [verify, status, doctor, failover];
}
