import type { Command } from 'commander';
import { externalVariables } from '../experiment/external-target.ts';

/** Servers that somebody else runs; each URL also by a variable, so that no password need be typed. */
export function addServerUrls(command: Command): Command {
  return command
    .optionsGroup('With --topology external (each URL also by the variable in brackets):')
    .option(
      '--primary-url <url>',
      `postgres://user:password@host:port/database [${externalVariables.primaryUrl}]`,
    )
    .option(
      '--replica-url <url>',
      `once for each replica [${externalVariables.replicaUrl}, separated by spaces]`,
      (url: string, urls: readonly string[] | undefined) => [...(urls ?? []), url],
    );
}

/** Flags of `--topology external`, shown apart from the others. */
export function addExternalOptions(command: Command): Command {
  return addServerUrls(command)
    .option(
      '--baseline-url <url>',
      `application that uses the primary alone [${externalVariables.baselineUrl}]`,
    )
    .option('--replicated-url <url>', `application that reads replicas [${externalVariables.replicatedUrl}]`)
    .option('--metrics-path <path>', 'path of the applications’ Prometheus metrics (default: not read)')
    .option(
      '--prepare',
      'make schema and data on the primary first; otherwise nothing is written but by the scenario',
    )
    .option('--allow-writes', 'let the scenario write; refused otherwise');
}
