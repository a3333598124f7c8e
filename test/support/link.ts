/** A way to a server that can be broken in every way in which networks and machines break. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Link extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Connections accepted so far. */
  accepted(): number;
  /** Black hole: connections stay open, and new ones are accepted, but nobody says a word. */
  stall(): void;
  /** The machine is gone: connections are reset, new ones refused. */
  refuse(): Promise<void>;
  /** As if nothing had been; connections of a stalled link go on where they were. */
  restore(): Promise<void>;
}

export async function startLink(target: { readonly host: string; readonly port: number }): Promise<Link> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let accepted = 0;
  let stalled = false;

  const server = createServer((client) => {
    accepted += 1;
    const upstream = connect(target.port, target.host);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    client.pipe(upstream).pipe(client);
    if (stalled) pause(pair);
    const drop = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) socket.on('error', drop).on('close', drop);
  });
  const listen = async (port: number): Promise<number> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port was given');
    return address.port;
  };
  const refuse = async (): Promise<void> => {
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  const port = await listen(0);
  return {
    host: '127.0.0.1',
    port,
    accepted: () => accepted,
    stall() {
      stalled = true;
      for (const pair of pairs) pause(pair);
    },
    refuse,
    async restore() {
      stalled = false;
      for (const pair of pairs) for (const socket of pair) socket.resume();
      if (!server.listening) await listen(port);
    },
    [Symbol.asyncDispose]: refuse,
  };
}

function pause(pair: readonly [Socket, Socket]): void {
  for (const socket of pair) socket.pause();
}
