/** A compose stack that somebody runs: found by its project's name, read from the engine alone. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { EnvironmentError, type NodeAddress, type NodeRole } from '../../model.ts';
import { type DockerOutput, docker } from '../docker/engine.ts';
import { hostVariables, readEnvFile } from './env-file.ts';

export interface StackOptions {
  /** Default: COMPOSE_PROJECT_NAME of the environment or of the env file, else `replibench`. */
  readonly project?: string | undefined;
  /** Default: the file that the stack was started with, else `.env` beside the compose file. */
  readonly envFile?: string | undefined;
  /** What was found before: passwords do not change while a stack lives, and need not be read again. */
  readonly previous?: Stack | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The engine's words, and `missing` where there is no container. */
export type ContainerState =
  | 'created'
  | 'running'
  | 'paused'
  | 'restarting'
  | 'removing'
  | 'exited'
  | 'dead'
  | 'missing';

export interface StackContainer {
  readonly service: string;
  /** Null when the container is missing. */
  readonly containerId: string | null;
  readonly state: ContainerState;
  /** Null when there is no health check. */
  readonly health: 'starting' | 'healthy' | 'unhealthy' | null;
  readonly exitCode: number;
  /** Networks that the container is attached to. */
  readonly networks: readonly string[];
}

export interface StackNode extends StackContainer {
  /** `primary`, `replica1` ...: the service without `postgres-`. It keeps its name when its role changes. */
  readonly name: string;
  /** Where it is published on this machine; null when nothing says that. */
  readonly host: string | null;
  readonly port: number | null;
  /** The named volume with its data; null when there is none. */
  readonly volume: string | null;
}

export interface StackApp extends StackContainer {
  readonly name: string;
  /** Non-secret DB_* variables of the container: which hosts it was told to use. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface Stack {
  readonly project: string;
  readonly composeFiles: readonly string[];
  readonly workingFolder: string;
  /** May not exist. */
  readonly envFile: string;
  /** The network on which nodes and applications meet. */
  readonly network: string | null;
  /** In the order primary, replica1, replica2 ... */
  readonly nodes: readonly StackNode[];
  readonly apps: readonly StackApp[];
  /** nginx; null in a stack without one. */
  readonly balancer: StackContainer | null;
  /** Where nginx answers; null when it does not run. */
  readonly url: string | null;
  /** The superuser's; null while no node runs that could hand them out. */
  readonly credentials: Credentials | null;
  /** Everything that no output may contain. */
  readonly secrets: readonly string[];
}

const nodeService = /^postgres-(?!exporter)(.+)$/;
/** Volume -> service; in the file without replication the only node's volume has a shorter name. */
const serviceOfVolume = (volume: string): string | undefined =>
  volume === 'postgres-data' ? 'postgres-primary' : /^(postgres-(?!exporter).+)-data$/.exec(volume)?.[1];
const appService = /^app\d*$/;
const label = (name: string) => `com.docker.compose.${name}`;

/** @throws EnvironmentError when no engine answers or the project has no containers */
export async function findStack(options: StackOptions = {}): Promise<Stack> {
  const { signal } = options;
  const project = await projectName(options);
  const [containers, volumes] = await Promise.all([
    inspectProject(project, signal),
    volumesOf(project, signal),
  ]);
  const [first] = containers;
  if (first === undefined) {
    throw new EnvironmentError(
      `no compose stack "${project}" is here: start one (docker compose -f docker-compose.replication.yml up -d --wait), or name it with --project`,
    );
  }
  const { Labels: labels } = first.Config;
  const workingFolder = labels[label('project.working_dir')] ?? process.cwd();
  const startedWith = labels[label('project.environment_file')]?.split(',').at(-1);
  const known = options.previous?.credentials == null ? undefined : options.previous;
  const secretsByName = known === undefined ? await secretsOf(containers, signal) : new Map<string, string>();
  const byService = new Map(containers.map((one) => [one.Config.Labels[label('service')] ?? '', one]));
  const services = new Set([...byService.keys(), ...volumes.keys()].filter((name) => nodeService.test(name)));
  return {
    project,
    composeFiles: (labels[label('project.config_files')] ?? '').split(',').filter(Boolean),
    workingFolder,
    envFile: options.envFile ?? (startedWith || join(workingFolder, '.env')),
    network: networkOf(containers),
    nodes: [...services]
      .sort()
      .map((service) => nodeOf(service, byService.get(service), volumes.get(service) ?? null)),
    apps: [...byService.keys()]
      .filter((service) => appService.test(service))
      .sort()
      .map((service) => appOf(service, byService.get(service))),
    balancer: byService.has('nginx') ? containerOf('nginx', byService.get('nginx')) : null,
    url: urlOf(byService.get('nginx')),
    credentials: known?.credentials ?? credentialsOf(containers, secretsByName),
    secrets: known?.secrets ?? [...secretsByName.values()],
  };
}

/** How to reach a node from this machine; null when it is not published or nobody knows the password. */
export function addressOf(stack: Stack, node: StackNode, role: NodeRole): NodeAddress | null {
  const { name, host, port } = node;
  if (host === null || port === null || stack.credentials === null) return null;
  return { name, role, host, port, ...stack.credentials };
}

/**
 * Runs `docker compose` on the stack with its own files. Which hosts the applications use is said by the
 * env file alone: a variable of the caller's shell must not override what `failover` wrote.
 */
export async function compose(
  stack: Stack,
  args: readonly string[],
  options: { readonly signal?: AbortSignal | undefined; readonly input?: string } = {},
): Promise<DockerOutput> {
  const exists = await access(stack.envFile).then(
    () => true,
    () => false,
  );
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !hostVariables.test(name)));
  return docker(
    [
      'compose',
      ...['-p', stack.project, '--project-directory', stack.workingFolder, '--progress', 'quiet'],
      ...stack.composeFiles.flatMap((file) => ['-f', file]),
      ...(exists ? ['--env-file', stack.envFile] : []),
      ...args,
    ],
    { ...options, env, cwd: stack.workingFolder },
  );
}

/** What a node is called on the stack's network. */
export function serviceOf(node: string): string {
  return `postgres-${node}`;
}

/** The node that an application means by a host; the host itself when it is none of the stack's. */
export function nodeOfHost(host: string): string {
  return nodeService.exec(host)?.[1] ?? host;
}

async function projectName({ project, envFile }: StackOptions): Promise<string> {
  const inFile = async () =>
    (await readEnvFile(envFile ?? join(process.cwd(), '.env')))['COMPOSE_PROJECT_NAME'];
  return project ?? (process.env['COMPOSE_PROJECT_NAME'] || (await inFile()) || 'replibench');
}

/** The part of `docker inspect` that is used here. */
interface Inspected {
  readonly Id: string;
  readonly State: {
    readonly Status: ContainerState;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: 'starting' | 'healthy' | 'unhealthy' | 'none' };
  };
  readonly Config: {
    readonly Labels: Readonly<Record<string, string>>;
    readonly Env: readonly string[] | null;
  };
  readonly HostConfig: { readonly PortBindings: PortMap | null };
  readonly NetworkSettings: {
    readonly Ports: PortMap | null;
    readonly Networks: Readonly<Record<string, unknown>>;
  };
}

type PortMap = Readonly<
  Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
>;

async function inspectProject(project: string, signal?: AbortSignal): Promise<readonly Inspected[]> {
  const filters = [`${label('project')}=${project}`, `${label('oneoff')}=False`];
  const list = ['ps', '-aq', '--no-trunc', ...filters.flatMap((one) => ['--filter', `label=${one}`])];
  const ids = (await docker(list, { signal })).stdout.split('\n').filter(Boolean);
  if (ids.length === 0) return [];
  return JSON.parse((await docker(['inspect', ...ids], { signal })).stdout) as Inspected[];
}

/** Service -> name of the volume with its data. */
async function volumesOf(project: string, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const format = `{{.Name}}\t{{.Label "${label('volume')}"}}`;
  const filter = `label=${label('project')}=${project}`;
  const { stdout } = await docker(['volume', 'ls', '--filter', filter, '--format', format], { signal });
  return new Map(
    stdout.split('\n').flatMap((line): [string, string][] => {
      const [name, volume] = line.split('\t');
      const service = serviceOfVolume(volume ?? '');
      return name === undefined || service === undefined ? [] : [[service, name]];
    }),
  );
}

function containerOf(service: string, found: Inspected | undefined): StackContainer {
  const health = found?.State.Health?.Status ?? 'none';
  return {
    service,
    containerId: found?.Id ?? null,
    state: found?.State.Status ?? 'missing',
    health: health === 'none' ? null : health,
    exitCode: found?.State.ExitCode ?? 0,
    networks: Object.keys(found?.NetworkSettings.Networks ?? {}),
  };
}

function nodeOf(service: string, found: Inspected | undefined, volume: string | null): StackNode {
  const published = publishedPort(found, '5432/tcp');
  return { ...containerOf(service, found), name: nodeOfHost(service), ...published, volume };
}

function appOf(service: string, found: Inspected | undefined): StackApp {
  const environment = Object.fromEntries(
    Object.entries(environmentOf(found)).filter(
      ([name]) => /^(DB_|APP_|CACHE)/.test(name) && !/PASSWORD/.test(name),
    ),
  );
  return { ...containerOf(service, found), name: service, environment };
}

function environmentOf(found: Inspected | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(
    (found?.Config.Env ?? []).map((line) => {
      const equals = line.indexOf('=');
      return [line.slice(0, equals), line.slice(equals + 1)];
    }),
  );
}

/** A stopped or detached container publishes nothing, but its configuration still tells where it would. */
function publishedPort(found: Inspected | undefined, port: string): Pick<StackNode, 'host' | 'port'> {
  const binding =
    found?.NetworkSettings.Ports?.[port]?.[0] ?? found?.HostConfig.PortBindings?.[port]?.[0] ?? undefined;
  const number = Number(binding?.HostPort ?? 0);
  if (binding === undefined || number === 0) return { host: null, port: null };
  const anywhere = ['', '0.0.0.0', '::'].includes(binding.HostIp);
  return { host: anywhere ? '127.0.0.1' : binding.HostIp, port: number };
}

function urlOf(nginx: Inspected | undefined): string | null {
  if (nginx?.State.Status !== 'running') return null;
  const { host, port } = publishedPort(nginx, '8080/tcp');
  return port === null ? null : `http://${host}:${port}`;
}

/** Most containers are on it; a node that was pulled off is the exception to be found. */
function networkOf(containers: readonly Inspected[]): string | null {
  const counts = new Map<string, number>();
  for (const { NetworkSettings } of containers)
    for (const name of Object.keys(NetworkSettings.Networks)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}

/** Name -> value of the secrets of the nodes that run; a name means the same in each. */
async function secretsOf(
  containers: readonly Inspected[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const script = `for file in /run/secrets/*; do printf '%s ' "\${file##*/}"; base64 <"$file" | tr -d '\\n'; echo; done`;
  const running = containers.filter(isRunningNode);
  const outputs = await Promise.all(
    // A node that ends at this moment has nothing to tell; the next look finds it stopped.
    running.map(({ Id }) =>
      docker(['exec', Id, 'sh', '-c', script], { signal }).catch(() => ({ stdout: '' })),
    ),
  );
  signal?.throwIfAborted();
  const secrets = new Map<string, string>();
  for (const line of outputs.flatMap(({ stdout }) => stdout.split('\n'))) {
    const [name, value] = line.split(' ');
    if (name === undefined || value === undefined || value === '') continue;
    secrets.set(name, Buffer.from(value, 'base64').toString().replace(/\n$/, ''));
  }
  return secrets;
}

function credentialsOf(
  containers: readonly Inspected[],
  secrets: ReadonlyMap<string, string>,
): Credentials | null {
  const node = containers.find(isRunningNode);
  const environment = environmentOf(node);
  const file = environment['POSTGRES_PASSWORD_FILE'] ?? '/run/secrets/postgres_password';
  const password = secrets.get(file.slice(file.lastIndexOf('/') + 1));
  if (password === undefined) return null;
  const user = environment['POSTGRES_USER'] || 'postgres';
  return { user, password, database: environment['POSTGRES_DB'] || user };
}

function isRunningNode({ State, Config }: Inspected): boolean {
  return State.Status === 'running' && nodeService.test(Config.Labels[label('service')] ?? '');
}
