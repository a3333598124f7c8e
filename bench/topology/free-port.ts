import { once } from 'node:events';
import { createServer } from 'node:net';

/** Those that whoever asked for them has perhaps not taken yet. */
const handedOut = new Set<number>();
const mostHandedOut = 64;

/**
 * A TCP port on the loopback address that was free a moment ago, and another one for each who asks; somebody else may
 * still take it first.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await bind(0);
    if (port === null) throw new Error('no free port on 127.0.0.1');
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    const [oldest] = handedOut;
    if (oldest !== undefined && handedOut.size > mostHandedOut) handedOut.delete(oldest);
    return port;
  }
}

export async function isPortFree(port: number): Promise<boolean> {
  return (await bind(port)) !== null;
}

/** The port that was bound and released again, null when it is in use or not allowed. */
async function bind(port: number): Promise<number | null> {
  const server = createServer();
  try {
    server.listen({ port, host: '127.0.0.1' });
    await once(server, 'listening');
  } catch {
    return null;
  }
  const address = server.address();
  server.close();
  await once(server, 'close');
  return address !== null && typeof address === 'object' ? address.port : null;
}
