/** A compose stack of a test: own project, free ports, random passwords, gone afterwards whatever happened. */
import { randomBytes, randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { type DockerOutput, docker } from '../../../bench/topology/docker/engine.ts';
import { isPortFree } from '../../../bench/topology/free-port.ts';

const root = path.resolve(import.meta.dirname, '../../..');

/** With the process id in it `.ci/engine` can tell what a killed run has left. */
const projectPrefix = `rbtest-${process.pid}-`;

/** Made of this tree's sources by application-image.ts, once for all tests. */
export const applicationImage = process.env['APP_IMAGE'] ?? 'replibench-app:test';

/** The engine refuses more than there are. */
const manyCpus = String(Math.min(2, availableParallelism()));

export type NodeName = 'primary' | 'replica1' | 'replica2';

export interface ComposeStack extends AsyncDisposable {
  readonly project: string;
  /** The file that `--env-file` names; may be changed and applied with `up`. */
  readonly envFile: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly url: string;
  /** `docker compose ARGS` of this stack. */
  compose(...args: string[]): Promise<DockerOutput>;
  /** Brings up services (all of them by default) and waits until they are healthy. */
  up(...services: string[]): Promise<void>;
  /** All that a service, or the whole stack, has logged. */
  logs(...services: string[]): Promise<string>;
  /** The container's id, running or not. */
  container(service: string): Promise<string>;
  /** Go template of `docker inspect`. */
  inspect(service: string, template: string): Promise<string>;
  /** Runs a command in a service's container and returns what it printed. */
  exec(service: string, ...command: string[]): Promise<string>;
  /** One statement over the node's published port; `user` is the superuser by default. */
  query<Row extends object>(node: NodeName, sql: string, user?: User): Promise<Row[]>;
}

export type User = 'postgres' | 'app' | 'monitoring' | 'replicator';

export interface ComposeOptions {
  /** File at the root. */
  readonly file?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

/** Makes the stack's variables and nothing else; `up` starts it. */
export async function composeStack(options: ComposeOptions = {}): Promise<ComposeStack> {
  const { file = 'docker-compose.replication.yml' } = options;
  const project = `${projectPrefix}${randomBytes(4).toString('hex')}`;
  const folder = await mkdtemp(path.join(tmpdir(), `${project}-`));
  const envFile = path.join(folder, 'env');
  const variables: Readonly<Record<string, string>> = {
    ...(await freshVariables()),
    ...options.variables,
  };
  await writeFile(envFile, envText(variables), { mode: 0o600 });

  const compose = (...args: string[]): Promise<DockerOutput> =>
    docker(['compose', '-p', project, '-f', file, '--env-file', envFile, ...args], {
      cwd: root,
      env: environment(),
    });
  const container = async (service: string): Promise<string> => {
    const labels = [`project=${project}`, `service=${service}`];
    const filters = labels.flatMap((label) => ['--filter', `label=com.docker.compose.${label}`]);
    const { stdout } = await docker(['ps', '-aq', ...filters]);
    if (stdout.trim() === '') throw new Error(`${service} has no container`);
    return stdout.trim();
  };
  return {
    project,
    envFile,
    variables,
    url: `http://127.0.0.1:${variables['HTTP_PORT']}`,
    compose,
    async up(...services) {
      try {
        await compose('up', '-d', '--wait', '--wait-timeout', '280', ...services);
      } catch (cause) {
        const { stdout } = await compose('logs', '--no-color', '--tail', '30', ...services);
        throw new Error(`the stack did not come up:\n${stdout}`, { cause });
      }
    },
    async logs(...services) {
      const { stdout, stderr } = await compose('logs', '--no-color', '--no-log-prefix', ...services);
      return stdout + stderr;
    },
    container,
    async inspect(service, template) {
      return (await docker(['inspect', '--format', template, await container(service)])).stdout.trim();
    },
    async exec(service, ...command) {
      return (await docker(['exec', await container(service), ...command])).stdout;
    },
    async query<Row extends object>(node: NodeName, sql: string, user: User = 'postgres') {
      const client = new Client({
        host: '127.0.0.1',
        port: Number(variables[`${node.toUpperCase()}_PORT`]),
        database: 'app',
        user,
        password: variables[passwordOf[user]] ?? '',
        connectionTimeoutMillis: 5_000,
        query_timeout: 30_000,
      });
      // A server that goes away while the connection closes is no error of the test.
      client.on('error', () => undefined);
      try {
        await client.connect();
        return (await client.query<Row>(sql)).rows;
      } finally {
        await client.end();
      }
    },
    async [Symbol.asyncDispose]() {
      await compose('--profile', '*', 'down', '--volumes', '--remove-orphans', '--timeout', '1');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const passwordOf: Readonly<Record<User, string>> = {
  postgres: 'POSTGRES_PASSWORD',
  app: 'DB_PASSWORD',
  monitoring: 'MONITORING_PASSWORD',
  replicator: 'REPLICATION_PASSWORD',
};

/** The text of an env file with exactly these variables. */
export function envText(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('');
}

async function freshVariables(): Promise<Record<string, string>> {
  const ports = await freePorts(5);
  const port = (index: number): string => String(ports[index]);
  return {
    // With the characters that a password file and a connection string have to escape.
    POSTGRES_PASSWORD: `pg:${randomBytes(9).toString('hex')}`,
    REPLICATION_PASSWORD: `re:\\${randomBytes(9).toString('hex')}`,
    DB_PASSWORD: `db"%${randomBytes(9).toString('hex')}`,
    MONITORING_PASSWORD: `mo${randomBytes(9).toString('hex')}`,
    PRIMARY_PORT: port(0),
    REPLICA1_PORT: port(1),
    REPLICA2_PORT: port(2),
    HTTP_PORT: port(3),
    PROMETHEUS_PORT: port(4),
    APP_IMAGE: applicationImage,
    // Small limits would make every start slow and prove nothing here.
    PRIMARY_CPUS: manyCpus,
    REPLICA_CPUS: manyCpus,
    APP_CPUS: manyCpus,
    DATA_TEAMS: '5',
    DATA_USERS: '200',
    DATA_CONTACTS: '200',
    DATA_INTERACTIONS: '500',
  };
}

/**
 * Below the range that the system gives to outgoing connections, which would take them while a restarted
 * container has let go of them.
 */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(20_000, 30_000);
    if (await isPortFree(port)) ports.add(port);
  }
  return [...ports];
}

/** Builds `applicationImage`; the builder's cache makes it short when nothing has changed. */
export async function buildApplicationImage(): Promise<void> {
  await using stack = await composeStack();
  await stack.compose('build', '--quiet', 'app1');
}

/** Variables of this shell must not reach the stack, but for what the image's build needs of the machine. */
function environment(): NodeJS.ProcessEnv {
  const kept = ['PATH', 'HOME', 'NODE_EXTRA_CA_CERTS', 'DOCKER_HOST', 'DOCKER_CONFIG', 'XDG_RUNTIME_DIR'];
  const settings = path.join(homedir(), '.npmrc');
  return {
    ...Object.fromEntries(kept.map((name) => [name, process.env[name]])),
    ...(existsSync(settings) ? { NPMRC_FILE: settings } : {}),
  };
}
