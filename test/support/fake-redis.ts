/** As much of a Redis server as the cache uses: GET, SET with NX and PX, AUTH, over a real socket. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

export interface FakeRedis extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Names of the commands received so far. */
  readonly commands: readonly string[];
  /** Takes connections and commands, and says nothing. */
  hang(): void;
  /** From now on every *new* connection is answered; those that hung stay silent. */
  recover(): void;
  /** Drops every connection and the port; `start` takes the same port again, with the data. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startFakeRedis(options: { readonly password?: string } = {}): Promise<FakeRedis> {
  const values = new Map<string, { readonly value: string; readonly expiresAtMs: number }>();
  const commands: string[] = [];
  let hanging = false;

  const run = (socket: Socket, [name = '', ...rest]: readonly string[]): string => {
    commands.push(name);
    if (name === 'AUTH') {
      if (rest.at(-1) !== options.password) return '-WRONGPASS invalid username-password pair\r\n';
      loggedIn.add(socket);
      return '+OK\r\n';
    }
    if (options.password !== undefined && !loggedIn.has(socket))
      return '-NOAUTH Authentication required.\r\n';
    const [key = '', value = '', ...flags] = rest;
    const held = values.get(key);
    const current = held !== undefined && held.expiresAtMs > performance.now() ? held.value : undefined;
    if (name === 'GET') return bulk(current);
    if (name !== 'SET') return `-ERR unknown command '${name}'\r\n`;
    if (flags.includes('NX') && current !== undefined) return bulk(undefined);
    const ttlMs = Number(flags[flags.indexOf('PX') + 1]);
    values.set(key, { value, expiresAtMs: performance.now() + ttlMs });
    return '+OK\r\n';
  };

  const sockets = new Set<Socket>();
  const loggedIn = new WeakSet<Socket>();
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A client that goes away mid-write is no concern of ours.
    socket.on('error', () => undefined);
    if (hanging) socket.pause();
    // One character a byte, so that lengths are those of the protocol.
    let buffer = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      buffer += text;
      for (;;) {
        const parsed = takeCommand(buffer);
        if (parsed === null) return;
        buffer = parsed.rest;
        socket.write(run(socket, parsed.command), 'latin1');
      }
    });
  };
  let server: Server;
  let port = 0;
  const start = async (): Promise<void> => {
    server = createServer(serve).listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port was given');
    port = address.port;
  };
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    commands,
    hang() {
      hanging = true;
      for (const socket of sockets) socket.pause();
    },
    recover() {
      hanging = false;
    },
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`; null while it is not complete. */
function takeCommand(buffer: string): { readonly command: readonly string[]; readonly rest: string } | null {
  const head = /^\*(\d+)\r\n/.exec(buffer);
  if (head === null) return null;
  let at = head[0].length;
  const command: string[] = [];
  for (let part = 0; part < Number(head[1]); part += 1) {
    const length = /^\$(\d+)\r\n/.exec(buffer.slice(at, at + 16));
    if (length === null) return null;
    const from = at + length[0].length;
    at = from + Number(length[1]) + 2;
    if (buffer.length < at) return null;
    command.push(buffer.slice(from, at - 2));
  }
  return { command, rest: buffer.slice(at) };
}

function bulk(value: string | undefined): string {
  if (value === undefined) return '$-1\r\n';
  return `$${value.length}\r\n${value}\r\n`;
}
