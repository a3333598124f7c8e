import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ExternalFlags } from '../experiment/external-target.ts';
import { builtInScenarios } from '../experiment/scenario-file.ts';
import { type TopologyName, topologyNames } from '../model.ts';
import { addExternalOptions } from './external-options.ts';

/** Flags of every command that measures, as commander hands them over. */
export interface MeasurementFlags {
  readonly scenario?: string;
  readonly sliceSeconds?: number;
  readonly seed: number;
  readonly replicas: number;
  readonly nodeCpus: number | 'auto';
  readonly limits: boolean;
  readonly config?: string;
  readonly out: string;
  readonly dataDir?: string;
  readonly live?: true;
}

export interface ExperimentFlags extends MeasurementFlags, ExternalFlags {
  readonly blocks?: number;
  readonly quick?: true;
  /** Of `compare` alone. */
  readonly arms?: string;
  readonly fault?: readonly string[];
  readonly topology: TopologyName;
}

/** Adds the flags of `compare` and `measure`. Defaults are what a busy person would have chosen. */
export function addExperimentOptions(command: Command): Command {
  addMeasurementOptions(command, { scenario: 'read-heavy', replicas: 2 });
  command
    .option(
      '-b, --blocks <n>',
      'how often every arm is measured (default: the scenario, usually 7)',
      wholeNumber(1, 200),
    )
    .option('--quick', '2 short blocks in about 50 seconds: an indication, not a proof')
    .addOption(
      new Option(
        '--topology <name>',
        'embedded: PostgreSQL from npm packages; testcontainers: nodes and sample application in containers; ' +
          'compose: the stack of docker-compose.replication.yml behind nginx; external: servers that run already',
      )
        .choices(topologyNames)
        .default('embedded'),
    );
  return addExternalOptions(command);
}

/** Adds the flags that every command has which starts clusters and measures. */
export function addMeasurementOptions(
  command: Command,
  defaults: { readonly scenario: string; readonly replicas: number; readonly seed?: number },
  words = {
    sliceSeconds: 'length of each measured slice (default: the scenario, usually 3)',
    replicas: 'read replicas of the replicated arm',
  },
): Command {
  return command
    .option(
      '-s, --scenario <name|path>',
      `${builtInScenarios().join(', ')}, or a scenario file (default: ${defaults.scenario})`,
    )
    .option('--slice-seconds <s>', words.sliceSeconds, number(1, 3600))
    .addOption(
      new Option('--seed <n>', 'seed of arrivals, requests and order')
        .argParser(wholeNumber(0, 2 ** 31 - 1))
        .default(defaults.seed ?? 1, defaults.seed === undefined ? '1' : 'drawn'),
    )
    .option('--replicas <n>', words.replicas, wholeNumber(0, 8), defaults.replicas)
    .option(
      '--node-cpus <cores>',
      'cores per PostgreSQL node (default: 0.4 x cores / nodes)',
      nodeCpus,
      'auto',
    )
    .option('--no-limits', 'no CPU quotas: all nodes share all cores, and the ratio predicts nothing')
    .option('-c, --config <path>', 'replibench.config.ts of another application (default: searched upwards)')
    .option('-o, --out <folder>', 'where runs are written', 'reports')
    .option('--data-dir <folder>', "where the nodes' data goes (default: the system's temporary folder)")
    .option(
      '--live',
      'serve the report as a page while it is measured, on a free port, to this machine alone',
    );
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

export function number(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= min && value <= max)) {
      throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
    }
    return value;
  };
}

function nodeCpus(text: string): number | 'auto' {
  // Below a hundredth of a core a node cannot even start in time.
  return text === 'auto' ? 'auto' : number(0.01, 64)(text);
}
