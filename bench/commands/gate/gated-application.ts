/** Which application a gate compares two states of, and where it is. */
import { basename } from 'node:path';
import {
  type ApplicationDefinition,
  configuredApplication,
  sampleApplication,
} from '../../experiment/application-definition.ts';
import { isInside } from '../../experiment/builds/relocate.ts';
import type { Connections } from '../../experiment/config.ts';
import { loadConfig } from '../../experiment/config-file.ts';
import { UsageError } from '../../model.ts';
import type { GateFlags } from './gate-options.ts';

/**
 * That of `--app-command`, of the configuration file, or the sample application of this repository.
 * @throws UsageError when there is none of them
 */
export async function gatedApplication(
  flags: GateFlags,
  workingFolder: string,
  repository: string,
): Promise<{ readonly application: ApplicationDefinition; readonly scenario: GateScenario }> {
  if (flags.appCommand !== undefined) {
    return { application: commandApplication(flags, flags.appCommand, workingFolder), scenario: undefined };
  }
  const config = await loadConfig(flags.config, workingFolder);
  if (config !== undefined) {
    const { scenario } = config.config;
    return {
      application: configuredApplication(config),
      scenario:
        scenario === undefined ? undefined : { given: scenario, folder: config.folder, path: config.path },
    };
  }
  const sample = sampleApplication();
  const program = sample.command[1];
  // In another's repository it would be the one of our package: the same for both builds.
  if (program !== undefined && isInside(repository, program) && !/[\\/]node_modules[\\/]/.test(program)) {
    return { application: { ...sample, cwd: repository }, scenario: undefined };
  }
  throw new UsageError(
    `${repository} has no replibench.config.ts: write one ("replibench init"), or use --app-command with --scenario`,
  );
}

/** What a configuration file says about the scenario. */
export type GateScenario =
  | { readonly given: string | object; readonly folder: string; readonly path: string }
  | undefined;

function commandApplication(flags: GateFlags, command: string, folder: string): ApplicationDefinition {
  return {
    name: basename(folder),
    command,
    cwd: folder,
    env: ({ primary, replicas, appPort }: Connections) => ({
      PORT: String(appPort),
      DATABASE_URL: primary.url,
      REPLICA_URLS: replicas.map(({ url }) => url).join(' '),
    }),
    withheld: /^PG/,
    readyPath: flags.readyPath,
    port: flags.baseUrl === undefined ? undefined : portOf(flags.baseUrl),
    readyTimeoutMs: 30_000,
    prepare: undefined,
  };
}

function portOf(text: string): number {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const loopback = url !== undefined && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  if (url?.protocol !== 'http:' || !loopback || url.port === '') {
    throw new UsageError(`--base-url ${text}: must be http://127.0.0.1:<port>, where --app-command answers`);
  }
  return Number(url.port);
}
