import { type Arm, type NodeAddress, type Scenario, UsageError } from '../model.ts';
import { parseServerUrl } from '../topology/external/server-url.ts';

export { redactUrl } from '../topology/external/server-url.ts';

/** What somebody says about a system of theirs, by flags or by environment variables. */
export interface ExternalFlags {
  readonly primaryUrl?: string;
  readonly replicaUrl?: readonly string[];
  readonly baselineUrl?: string;
  readonly replicatedUrl?: string;
  readonly metricsPath?: string;
  readonly prepare?: boolean;
  readonly allowWrites?: boolean;
}

export interface ExternalTarget {
  readonly primary: NodeAddress;
  readonly replicas: readonly NodeAddress[];
  /** Arm -> origin of its application, without a trailing slash. */
  readonly applications: Readonly<Record<string, string>>;
  readonly metricsPath: string | undefined;
  /** Whether schema and data may be made. */
  readonly prepare: boolean;
}

/** Flag -> variable that says the same, so that a password need not stand on a command line. */
export const externalVariables = {
  primaryUrl: 'REPLIBENCH_PRIMARY_URL',
  replicaUrl: 'REPLIBENCH_REPLICA_URLS',
  baselineUrl: 'REPLIBENCH_BASELINE_URL',
  replicatedUrl: 'REPLIBENCH_REPLICATED_URL',
} as const;

/** URLs of the replicas, by flag or else by variable (separated by white space). */
export function replicaUrls(flags: ExternalFlags, env: NodeJS.ProcessEnv): readonly string[] {
  if (flags.replicaUrl !== undefined) return flags.replicaUrl;
  return (env[externalVariables.replicaUrl] ?? '').split(/\s+/).filter(Boolean);
}

/** Servers of somebody else, and an application that reads from the replicas. */
export interface ExternalCluster {
  readonly primary: NodeAddress;
  readonly replicas: readonly NodeAddress[];
  readonly application: string;
}

/**
 * What it takes to verify a cluster that runs.
 * @throws UsageError naming each flag at fault, and never a password
 */
export function externalCluster(flags: ExternalFlags, env: NodeJS.ProcessEnv): ExternalCluster {
  const { primary, replicas } = externalServers(flags, env);
  if (replicas.length === 0) throw missing('--replica-url', externalVariables.replicaUrl);
  const { replicatedUrl } = externalVariables;
  return {
    primary,
    replicas,
    application: applicationUrl('--replicated-url', flags.replicatedUrl, env, replicatedUrl),
  };
}

/**
 * Everything that an external topology needs to be told.
 * @throws UsageError naming each flag at fault, and never a password
 */
export function externalTarget(
  flags: ExternalFlags,
  env: NodeJS.ProcessEnv,
  request: { readonly arms: readonly Arm[]; readonly scenario: Scenario },
): ExternalTarget {
  const { primary, replicas } = externalServers(flags, env);
  const replicated = request.arms.some((arm) => arm.replicas > 0 || arm.routing === 'native');
  if (replicated && replicas.length === 0) throw missing('--replica-url', externalVariables.replicaUrl);
  refuseWrites(request.scenario, flags);
  return {
    primary,
    replicas,
    applications: {
      // Calibration measures the baseline, whichever arms follow.
      baseline: applicationUrl('--baseline-url', flags.baselineUrl, env, externalVariables.baselineUrl),
      ...(replicated && {
        replicated: applicationUrl(
          '--replicated-url',
          flags.replicatedUrl,
          env,
          externalVariables.replicatedUrl,
        ),
      }),
    },
    metricsPath: flags.metricsPath,
    prepare: flags.prepare === true,
  };
}

function externalServers(
  flags: ExternalFlags,
  env: NodeJS.ProcessEnv,
): Pick<ExternalCluster, 'primary' | 'replicas'> {
  const password = env['PGPASSWORD'];
  const primaryUrl = flags.primaryUrl ?? env[externalVariables.primaryUrl];
  if (!primaryUrl) throw missing('--primary-url', externalVariables.primaryUrl);
  return {
    primary: parseServerUrl(
      primaryUrl,
      { flag: '--primary-url', name: 'primary', role: 'primary' },
      password,
    ),
    replicas: replicaUrls(flags, env).map((url, index) =>
      parseServerUrl(url, { flag: '--replica-url', name: `replica${index + 1}`, role: 'replica' }, password),
    ),
  };
}

/** @throws UsageError naming a flag that means something with `--topology external` only */
export function refuseExternalFlags(flags: ExternalFlags): void {
  const names: Readonly<Record<keyof ExternalFlags, string>> = {
    primaryUrl: '--primary-url',
    replicaUrl: '--replica-url',
    baselineUrl: '--baseline-url',
    replicatedUrl: '--replicated-url',
    metricsPath: '--metrics-path',
    prepare: '--prepare',
    allowWrites: '--allow-writes',
  };
  for (const [key, name] of Object.entries(names)) {
    if (flags[key as keyof ExternalFlags] !== undefined)
      throw new UsageError(`${name} is for --topology external only`);
  }
}

function refuseWrites(scenario: Scenario, flags: ExternalFlags): void {
  if (scenario.readShare === 1 || flags.allowWrites === true) return;
  throw new UsageError(
    `the scenario ${scenario.name} writes (${Math.round((1 - scenario.readShare) * 100)} % of its requests), and the servers are not ours: allow it with --allow-writes, or use a scenario with readShare 1`,
  );
}

function applicationUrl(
  flag: string,
  given: string | undefined,
  env: NodeJS.ProcessEnv,
  variable: string,
): string {
  const text = given ?? env[variable];
  if (!text) throw missing(flag, variable);
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new UsageError(`${flag}: is not a URL (http://host:port)`, { cause });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new UsageError(`${flag}: must be http or https`);
  if (url.username !== '' || url.password !== '')
    throw new UsageError(`${flag}: credentials in the URL are not sent; use headers in the scenario`);
  return url.origin + url.pathname.replace(/\/+$/, '');
}

function missing(flag: string, variable: string): UsageError {
  return new UsageError(`--topology external needs ${flag} (or ${variable} in the environment)`);
}
