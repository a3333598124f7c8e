import http from 'node:http';
import net from 'node:net';

/** A server that a test loads; disposing closes it and every connection. */
export interface TargetServer extends AsyncDisposable {
  readonly url: string;
  /** Connections accepted so far. */
  readonly connections: () => number;
  /** Connections that are open now. */
  readonly open: () => number;
}

export async function serveHttp(
  listener: http.RequestListener,
  options: http.ServerOptions = {},
): Promise<TargetServer> {
  return listen(http.createServer(options, listener));
}

/** For what node:http would never send: `onRequest` is called for each read that holds a request. */
export async function serveRaw(onRequest: (socket: net.Socket, text: string) => void): Promise<TargetServer> {
  return listen(
    net.createServer({ noDelay: true }, (socket) => {
      socket.on('data', (bytes) => onRequest(socket, bytes.toString('latin1')));
    }),
  );
}

export async function listen(server: net.Server): Promise<TargetServer> {
  const sockets = new Set<net.Socket>();
  let connections = 0;
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    // The generator breaks connections off on purpose; that is no fault of the server.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    connections: () => connections,
    open: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
