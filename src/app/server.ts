/** An HTTP server that can stop without breaking a request. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';

export interface RunningServer {
  readonly url: string;
  /**
   * Stops accepting, finishes what is in flight, closes idle connections. After `deadlineMs` it cuts the
   * rest; resolves to how many requests were cut.
   */
  stop(deadlineMs: number): Promise<number>;
}

/** Rejects with Node's error (`code` EADDRINUSE, EACCES ...) when it cannot listen. */
export async function startServer(
  listener: RequestListener,
  address: { readonly host: string; readonly port: number },
): Promise<RunningServer> {
  const server = createServer(listener);
  // Longer than any client's idle time: with Node's 5 s the server hangs up on a connection just as a
  // slow client uses it again, and the client sees a reset.
  server.keepAliveTimeout = 65_000;
  server.headersTimeout = 66_000;

  let inFlight = 0;
  let stopping = false;
  server.prependListener('request', (_request, response) => {
    inFlight += 1;
    if (stopping) response.setHeader('connection', 'close');
    response.once('close', () => {
      inFlight -= 1;
      // A kept-alive connection whose answer has just ended is idle only after this event.
      if (stopping) setImmediate(() => server.closeIdleConnections());
    });
  });

  server.listen(address.port, address.host);
  await once(server, 'listening');
  return {
    url: `http://${address.host}:${address.port}`,
    async stop(deadlineMs) {
      stopping = true;
      let cut = 0;
      const deadline = setTimeout(() => {
        cut = inFlight;
        server.closeAllConnections();
      }, deadlineMs);
      const closed = once(server, 'close');
      server.close();
      await closed;
      clearTimeout(deadline);
      return cut;
    },
  };
}
