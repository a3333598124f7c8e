#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { armsHelp } from './commands/arms.ts';
import { commandLineOf } from './commands/command-line.ts';
import { compare } from './commands/compare.ts';
import type { CommandContext } from './commands/context.ts';
import { addExperimentOptions, type ExperimentFlags } from './commands/experiment-options.ts';
import { faultHelp } from './commands/faults.ts';
import { gateCommand } from './commands/gate/gate-command.ts';
import { addGateOptions, type GateFlags } from './commands/gate/gate-options.ts';
import { writeStarterConfig } from './commands/init.ts';
import { loadCommand } from './commands/load.ts';
import { operationCommands } from './commands/operation-commands.ts';
import { renderAgain } from './commands/report.ts';
import { single } from './commands/single.ts';
import { EnvironmentError, exitCodes, UsageError } from './model.ts';

const { version } = JSON.parse(readFileSync(packageFile(), 'utf8')) as { version: string };
const abort = new AbortController();
let exitCode: number = exitCodes.pass;

const context: CommandContext = {
  write: (text) => void process.stdout.write(text),
  isTty: process.stdout.isTTY === true,
  columns: process.stdout.columns ?? 80,
  workingFolder: process.cwd(),
  commandLine: commandLineOf(process.argv.slice(2)),
  version,
  signal: abort.signal,
};

const program = new Command('replibench')
  .description(
    'What would read replicas give your Express + Sequelize + PostgreSQL application, and what would they cost?',
  )
  .version(version)
  .exitOverride()
  .showHelpAfterError('(--help shows every flag)');

addExperimentOptions(
  program
    .command('compare')
    .description('measure primary-only against read replicas, interleaved, and write the report')
    .option('--arms <list>', armsHelp)
    .option('--fault <what>', faultHelp, (text: string, known: readonly string[] = []) => [...known, text]),
).action(async (flags: ExperimentFlags) => {
  exitCode = await compare(flags, context);
});

addExperimentOptions(
  program
    .command('measure')
    .description('measure one arm; compared with the newest matching run of the other arm')
    .argument('<arm>', 'baseline or replicated'),
).action(async (arm: string, flags: ExperimentFlags) => {
  exitCode = await single(arm, flags, context);
});

addGateOptions(
  program
    .command('gate')
    .description(
      'is this working tree slower than another commit? measures both, block by block, until that is known',
    )
    .argument('[action]', 'record: measure against the pinned anchor and store the ratios for --history'),
).action(async (action: string | undefined, flags: GateFlags) => {
  exitCode = await gateCommand(action, flags, context);
});

program.addCommand(
  loadCommand({
    write: context.write,
    signal: abort.signal,
    exit: (code) => {
      exitCode = code;
    },
  }),
);

for (const command of operationCommands(context, (code) => {
  exitCode = code;
}))
  program.addCommand(command);

program
  .command('report')
  .description('write the report of a run again from its journal, also of a run that was cut off')
  .argument('<run>', "path of the run's folder, or its name below --out")
  .option('-o, --out <folder>', 'where runs are written', 'reports')
  .action(async (run: string, flags: { out: string }) => {
    exitCode = await renderAgain(run, flags.out, context);
  });

program
  .command('init')
  .description('write a commented replibench.config.ts for your own application')
  .action(async () => {
    context.write(`wrote ${await writeStarterConfig(process.cwd())}\n`);
  });

for (const command of program.commands)
  command.exitOverride().showHelpAfterError('(--help shows every flag)');

listenForInterrupts();
endureClosedOutput();
try {
  await program.parseAsync();
} catch (error) {
  exitCode = report(error);
}
process.exitCode = exitCode;

/** Prints what a person needs to know about an error and says the exit code for it. */
function report(error: unknown): number {
  if (abort.signal.aborted) {
    // Only the interrupt itself says that all went down in good order.
    const orderly = error === abort.signal.reason;
    process.stderr.write(
      orderly
        ? '\ninterrupted; everything that was started has been stopped\n'
        : `\ninterrupted, and then: ${textOf(error)}\n`,
    );
    return exitCodes.interrupted;
  }
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.pass : exitCodes.usage;
  if (error instanceof UsageError) {
    process.stderr.write(`error: ${error.message}\n`);
    return exitCodes.usage;
  }
  const text = `${textOf(error)}\n${causes(error)}`;
  const full = /ENOSPC|No space left on device/.test(text);
  process.stderr.write(
    `error: ${text}${full ? '  the disk is full: free some space, or use --data-dir for the nodes and --out for the runs\n' : ''}`,
  );
  return exitCodes.environment;
}

/** A message for what we know, the whole stack for what we do not. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const known = error instanceof EnvironmentError || error instanceof UsageError;
  return known ? error.message : (error.stack ?? error.message);
}

function causes(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map((one) => because(one)).join('');
  return error instanceof Error && error.cause instanceof Error ? because(error.cause) : '';
}

function because(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return `${message === '' ? '' : `  because: ${message}\n`}${causes(cause)}`;
}

/**
 * The first signal lets the run clean up and write its report; a second one ends at once, and the
 * guardian cleans up. npm passes a terminal's Ctrl-C on, so the same one arrives twice within a moment.
 */
function listenForInterrupts(): void {
  let firstMs: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (firstMs === undefined) {
        firstMs = performance.now();
        abort.abort(new Error(`interrupted by ${name}`));
      } else if (performance.now() - firstMs > 1000) {
        process.exit(exitCodes.interrupted);
      }
    });
  }
}

/** A pager that was quit, or a terminal that is gone, is no reason to throw a measurement away. */
function endureClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    });
  }
}

/** package.json is one level up in the repository and two in the published package. */
function packageFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json', import.meta.url);
}
