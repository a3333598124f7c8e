/** The volume that every node's volume is a copy of: made once per run, with the data set in it. */
import { randomBytes } from 'node:crypto';
import { EnvironmentError, type NodeAddress } from '../../model.ts';
import { inspectContainers, lastWords } from '../docker/container.ts';
import { docker } from '../docker/engine.ts';
import { waitForAnswer, withClient } from '../postgres/connect.ts';
import {
  formatSettings,
  hostBasedAuthentication,
  measuredSettings,
  preparingSettings,
  type Settings,
} from '../postgres/settings.ts';
import { dropTemplateDatabases, vacuum } from '../postgres/template-state.ts';
import type { Timed } from '../timed.ts';
import type { ContainersContext } from './context.ts';
import { startContainer } from './start-container.ts';

/** Where a node's volume is in its container; not where the image has a volume of its own. */
export const mountPoint = '/replibench';
export const dataDir = `${mountPoint}/data`;
/** libpq password file for the replicas' connections to the primary; the server takes no notice of it. */
export const passFile = `${dataDir}/replibench.pgpass`;

export interface ContainersTemplate {
  readonly volume: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** For example `17.10`. */
  readonly version: string;
}

export interface TemplateOptions {
  readonly context: ContainersContext;
  readonly settings: Settings;
  readonly prepare: (primary: NodeAddress, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly timed: Timed;
}

const startTimeoutMs = 120_000;
const stopTimeoutSeconds = 60;

/** Throws EnvironmentError when a container fails, whatever `prepare` throws, or the signal's reason. */
export async function makeTemplate(options: TemplateOptions): Promise<ContainersTemplate> {
  const { context, timed, signal } = options;
  const { runName } = context.guardian;
  const credentials = {
    user: 'replibench',
    // A URL-safe alphabet: needs no quoting in connection strings, password files and URLs.
    password: randomBytes(24).toString('base64url'),
    database: 'postgres',
  };
  const volume = `${runName}.template`;
  await context.docker(['volume', 'create', '--label', context.label, volume], signal);
  const container = await timed('start template', async () => {
    const started = await startContainer(context.library, {
      image: context.postgresImage,
      name: `${runName}.template-node`,
      labels: context.labels,
      network: context.network,
      alias: 'template',
      env: {
        PGDATA: dataDir,
        POSTGRES_USER: credentials.user,
        POSTGRES_DB: credentials.database,
        POSTGRES_PASSWORD_FILE: '/run/replibench-password',
        POSTGRES_INITDB_ARGS: '--no-sync --encoding=UTF8 --locale=C',
      },
      command: ['postgres', ...flags(preparingSettings)],
      volumes: { [volume]: mountPoint },
      files: { '/run/replibench-password': credentials.password },
      port: 5432,
    });
    const address: NodeAddress = {
      name: 'template',
      role: 'primary',
      host: '127.0.0.1',
      port: started.port,
      ...credentials,
    };
    await waitOrDie(context, started.id, address, signal);
    return { id: started.id, address };
  });
  await timed('prepare', () => options.prepare(container.address, signal));
  await timed('vacuum', () => vacuum(container.address));
  await timed('slim', () => dropTemplateDatabases(container.address));
  const version = await serverVersion(container.address);
  await timed('stop template', async () => {
    const { password, user } = credentials;
    const write = (redirection: '>' | '>>', path: string, text: string) =>
      writeFile(context, container.id, redirection, path, text, signal);
    await write(
      '>>',
      `${dataDir}/postgresql.conf`,
      formatSettings({ ...imageSettings, ...options.settings }),
    );
    await write('>', `${dataDir}/pg_hba.conf`, hostBasedAuthentication('all'));
    await write('>', passFile, `*:*:*:${user}:${password}\n`);
    await stop(container.id);
  });
  return { volume, version, ...credentials };
}

/** On the container's network and through its published port; nothing else leads to the server. */
const imageSettings: Settings = { ...measuredSettings, listen_addresses: '*' };

/** Resolves when the server answers; throws with its last words when its container ends before that. */
export async function waitOrDie(
  { deaths, docker: run }: ContainersContext,
  containerId: string,
  address: NodeAddress,
  signal: AbortSignal,
): Promise<void> {
  const waiting = new AbortController();
  const tooLate = AbortSignal.timeout(startTimeoutMs);
  try {
    await Promise.race([
      waitForAnswer(address, AbortSignal.any([signal, waiting.signal, tooLate])),
      deaths.of(containerId).then(async (how) => {
        const words = await lastWords(containerId, [address.password]);
        throw new EnvironmentError(`${address.name} ended (${how})${words}`);
      }),
    ]);
  } catch (error) {
    if (!tooLate.aborted || signal.aborted) throw error;
    await run(['kill', containerId], signal).catch(() => undefined);
    throw new EnvironmentError(
      `${address.name} did not answer within ${startTimeoutMs} ms${await lastWords(containerId, [address.password])}`,
      { cause: error },
    );
  } finally {
    waiting.abort();
  }
}

/** As the server's own account, and readable by nobody else. */
async function writeFile(
  context: ContainersContext,
  containerId: string,
  redirection: '>' | '>>',
  path: string,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  const script = `umask 077 && cat ${redirection}"$0"`;
  await context.docker(
    ['exec', '-i', '--user', 'postgres', containerId, 'sh', '-c', script, path],
    signal,
    text,
  );
}

/** Only the files of a server that shut down in good order are worth a copy. */
async function stop(containerId: string): Promise<void> {
  await docker(['stop', '--signal', 'INT', '--time', `${stopTimeoutSeconds}`, containerId]);
  const [inspected] = await inspectContainers([containerId]);
  if (inspected?.State.ExitCode !== 0) {
    throw new EnvironmentError(
      `the template's server did not shut down in order (exit code ${inspected?.State.ExitCode})${await lastWords(containerId, [])}`,
    );
  }
  await docker(['rm', '--volumes', containerId]);
}

async function serverVersion(address: NodeAddress): Promise<string> {
  return withClient(address, async (client) => {
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    return rows[0]?.server_version.split(' ')[0] ?? 'unknown';
  });
}

function flags(settings: Settings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
