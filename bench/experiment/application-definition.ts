import { randomBytes } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Arm, type NodeAddress, type Scenario, UsageError } from '../model.ts';
import type { ApplicationImage } from '../topology/docker/application-image.ts';
import type { Connections, Endpoint } from './config.ts';
import type { LoadedConfig } from './config-file.ts';

export type Command = string | readonly [string, ...string[]];

/** The application under test with every path resolved: the sample, or somebody else's. */
export interface ApplicationDefinition {
  readonly name: string;
  /** A shell command, or an argument vector that needs no shell. */
  readonly command: Command;
  readonly cwd: string;
  readonly env: (connections: Connections) => Readonly<Record<string, string>>;
  /** Variables of the caller that must not reach the application: they name other databases. */
  readonly withheld: RegExp;
  readonly readyPath: string;
  readonly metricsPath?: string | undefined;
  readonly port?: number | undefined;
  readonly readyTimeoutMs: number;
  readonly prepare:
    | {
        readonly command: Command;
        readonly cwd: string;
        readonly env: (connections: Connections, data: Scenario['data']) => Readonly<Record<string, string>>;
      }
    | { readonly sqlFile: string }
    | undefined;
  /** How it runs in a container; absent = it is a process of this machine, whatever the topology. */
  readonly container?: ContainerDefinition;
}

export interface ContainerDefinition extends ApplicationImage {
  /** Longer than for a process: the engine takes its share of the time, more of it on a busy machine. */
  readonly readyTimeoutMs: number;
  /** The port it listens on, on all addresses of its container. */
  readonly port: number;
  /** Nothing secret: whoever may inspect the container sees them. */
  readonly env: (connections: Connections) => Readonly<Record<string, string>>;
  /** Path in the container -> content: the secrets. */
  readonly files: (connections: Connections) => Readonly<Record<string, string>>;
}

const defaultReadyTimeoutMs = 30_000;

/** The contact centre in `src/app`, started with the Node that runs the harness. */
export function sampleApplication(): ApplicationDefinition {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const program = (name: string) => fileURLToPath(new URL(`../../src/${name}.${extension}`, import.meta.url));
  return {
    name: 'sample contact centre',
    command: [process.execPath, program('app/main')],
    cwd: process.cwd(),
    env: sampleEnvironment,
    // A fault that was switched on for one arm must not reach the other through the shell.
    withheld: /^(DB_|DATA_|PG|NODE_OPTIONS$|INJECT$)/,
    readyPath: '/readyz',
    metricsPath: '/metrics',
    readyTimeoutMs: defaultReadyTimeoutMs,
    prepare: {
      command: [process.execPath, program('db/prepare')],
      cwd: process.cwd(),
      env: (connections, data) => ({ ...sampleEnvironment(connections), ...dataEnvironment(data) }),
    },
    container: sampleContainer(),
  };
}

const passwordFile = '/run/replibench-db-password';

function sampleContainer(): ContainerDefinition {
  const root = fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? '../..' : '../../..', import.meta.url),
  );
  return {
    image: process.env['APP_IMAGE'] || 'replibench-app:latest',
    rebuild: !process.env['APP_IMAGE'],
    dockerfile: join(root, 'docker/app/Dockerfile'),
    buildFolder: root,
    readyTimeoutMs: 120_000,
    port: 3000,
    env(connections) {
      const { DB_PASSWORD: _, ...environment } = sampleEnvironment({ ...connections, appPort: 3000 });
      // Nodes and application have just been started, on a machine that may be busy with that.
      return { ...environment, HOST: '0.0.0.0', DB_PASSWORD_FILE: passwordFile, DB_WAIT_MS: '60000' };
    },
    files: ({ primary }) => ({ [passwordFile]: primary.password }),
  };
}

/**
 * Somebody else's application, as its configuration file describes it. Its functions are tried at
 * once with an invented cluster: a fault in them should not wait for a real one.
 * @throws UsageError naming file, field and value
 */
export function configuredApplication(loaded: LoadedConfig): ApplicationDefinition {
  const definition = describeApplication(loaded);
  const invented = [inventedNode('primary', 5432), inventedNode('replica1', 5433)];
  for (const nodes of [invented, invented.slice(0, 1)]) {
    const connections = connectionsOf({ routing: nodes.length > 1 ? 'native' : 'primary-only' }, nodes, 3000);
    definition.env(connections);
    if (definition.prepare !== undefined && 'env' in definition.prepare)
      definition.prepare.env(connections, {});
  }
  return definition;
}

/**
 * What of an arm's policy the application is not even told: `routing`, or a setting; null = nothing. Whether it does
 * something with what it is told is its own matter.
 */
export function untoldOf(application: ApplicationDefinition, arm: Arm): string | null {
  const nodes = ['primary', ...Array.from({ length: arm.replicas }, (_, index) => `replica${index + 1}`)];
  const addresses = nodes.map((name, index) => inventedNode(name, 5432 + index));
  const told = (policy: Pick<Arm, 'routing' | 'settings'>): string => {
    const environment = application.env(connectionsOf(policy, addresses, 3000));
    return JSON.stringify(Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  const { routing, settings = {} } = arm;
  const all = told({ routing, settings });
  if (routing === 'balanced' && all === told({ routing: 'native', settings })) return 'routing';
  const unused = Object.keys(settings).find((name) => {
    const { [name]: _, ...others } = settings;
    return all === told({ routing, settings: others });
  });
  return unused ?? null;
}

function describeApplication(loaded: LoadedConfig): ApplicationDefinition {
  const { config, folder } = loaded;
  const { app } = config;
  return {
    name: app.name ?? basename(folder),
    command: app.command,
    cwd: resolve(folder, app.cwd ?? '.'),
    env: checkedEnvironment(loaded.path, 'app.env', app.env),
    // Drivers read PGHOST and its kin on their own; whatever else is set is the application's business.
    withheld: /^PG/,
    readyPath: app.ready,
    metricsPath: app.metrics,
    port: app.port,
    readyTimeoutMs: app.readyTimeoutMs ?? defaultReadyTimeoutMs,
    prepare: configuredPrepare(loaded),
  };
}

/** The caller's environment without what the application must not inherit. */
export function inheritedEnvironment({ withheld }: ApplicationDefinition): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !withheld.test(name)));
}

/** What the application of an arm may know: no replicas where the arm has none. */
export function connectionsOf(
  arm: Pick<Arm, 'routing' | 'settings'>,
  nodes: readonly NodeAddress[],
  appPort: number,
): Connections {
  const [primary, ...replicas] = nodes.map(endpointOf);
  if (primary === undefined) throw new Error('a cluster without nodes has no connections');
  return { primary, replicas, routing: arm.routing, settings: arm.settings ?? {}, appPort };
}

function configuredPrepare({ config, folder, path }: LoadedConfig): ApplicationDefinition['prepare'] {
  const { prepare, app } = config;
  if (prepare === undefined) return undefined;
  if ('sql' in prepare) return { sqlFile: resolve(folder, prepare.sql) };
  const environment = checkedEnvironment(
    path,
    prepare.env === undefined ? 'app.env' : 'prepare.env',
    prepare.env ?? app.env,
  );
  return {
    command: prepare.command,
    cwd: resolve(folder, prepare.cwd ?? app.cwd ?? '.'),
    env: (connections, data) => ({ ...dataEnvironment(data), ...environment(connections) }),
  };
}

type Environment = (connections: Connections) => Readonly<Record<string, string>>;

/** What somebody's function returns is believed only when it is environment variables. */
function checkedEnvironment(path: string, field: string, environment: Environment): Environment {
  return (connections) => {
    let returned: unknown;
    try {
      returned = environment(connections);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new UsageError(`${path}: ${field} threw: ${reason}`, { cause });
    }
    if (returned instanceof Promise) throw new UsageError(`${path}: ${field} must not be async`);
    if (typeof returned !== 'object' || returned === null || Array.isArray(returned)) {
      throw new UsageError(
        `${path}: ${field} must return an object of environment variables (got ${JSON.stringify(returned)})`,
      );
    }
    for (const [name, value] of Object.entries(returned)) {
      if (typeof value !== 'string') {
        throw new UsageError(`${path}: ${field} must return strings; ${name} is ${JSON.stringify(value)}`);
      }
    }
    return returned as Record<string, string>;
  };
}

function inventedNode(name: string, port: number): NodeAddress {
  const role = name === 'primary' ? 'primary' : 'replica';
  return { name, role, host: '127.0.0.1', port, database: 'app', user: 'app', password: 'invented' };
}

function endpointOf(node: NodeAddress): Endpoint {
  const { name, host, port, database, user, password } = node;
  const url = `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  return { name, url, host, port, database, user, password };
}

function sampleEnvironment({
  primary,
  replicas,
  routing,
  settings,
  appPort,
}: Connections): Record<string, string> {
  const environment: Record<string, string> = {
    HOST: '127.0.0.1',
    PORT: String(appPort),
    NODE_ENV: 'production',
    DB_HOST: primary.host,
    DB_PORT: String(primary.port),
    DB_NAME: primary.database,
    DB_USER: primary.user,
    DB_PASSWORD: primary.password,
    DB_ROUTING: routing,
    ...settings,
  };
  // What signs the tokens is no matter of the report.
  if ('DB_SESSIONS' in settings) environment['DB_SESSION_SECRET'] = randomBytes(18).toString('base64url');
  for (const [index, replica] of replicas.entries()) {
    environment[`DB_REPLICA${index + 1}_HOST`] = replica.host;
    environment[`DB_REPLICA${index + 1}_PORT`] = String(replica.port);
  }
  return environment;
}

/** `users` as DATA_USERS, `orderLines` as DATA_ORDER_LINES. */
export function dataEnvironment(data: Scenario['data']): Record<string, string> {
  const variable = (name: string) => `DATA_${name.replaceAll(/([A-Z])/g, '_$1').toUpperCase()}`;
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [variable(name), String(value)]));
}
