/** Servers that fail the way networks and dying databases do. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface FaultyServer extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Connections accepted so far. */
  accepted(): number;
  /** Drops every connection of now. */
  cut(): void;
}

/** Accepts and never says a word: a black-holed host. */
export function startSilentServer(): Promise<FaultyServer> {
  return listen(() => undefined);
}

/** Passes everything on, and counts connections. */
export function startProxy(target: { host: string; port: number }): Promise<FaultyServer> {
  return listen((client) => {
    const server = connect(target.port, target.host);
    client.pipe(server).pipe(client);
    const drop = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', drop).on('close', drop);
  });
}

/**
 * Lets PostgreSQL's login through, then drops the connection at the first query; with `beginning`, only if its text
 * begins with that.
 */
export function startHandshakeDropper(
  target: { host: string; port: number },
  beginning = '',
): Promise<FaultyServer> {
  return listen((client) => {
    const server = connect(target.port, target.host);
    const drop = (): void => {
      client.destroy();
      server.destroy();
    };
    let ready = false;
    server.on('data', (bytes) => {
      client.write(bytes);
      // ReadyForQuery, idle: the last message of a login.
      ready ||= bytes.subarray(-6).equals(Buffer.from([0x5a, 0, 0, 0, 5, 0x49]));
    });
    client.on('data', (bytes) => {
      // Of a simple query: its type, four bytes of length, its text.
      const isMeant = ready && bytes.toString('latin1', 5, 5 + beginning.length) === beginning;
      if (isMeant) drop();
      else server.write(bytes);
    });
    for (const socket of [client, server]) socket.on('error', drop).on('close', drop);
  });
}

async function listen(serve: (client: Socket) => void): Promise<FaultyServer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server: Server = createServer((client) => {
    accepted += 1;
    sockets.add(client);
    serve(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    host: '127.0.0.1',
    port: address.port,
    accepted: () => accepted,
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
