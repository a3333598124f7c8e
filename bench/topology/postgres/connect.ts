import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { EnvironmentError, type NodeAddress } from '../../model.ts';

/** One connection for one piece of work. Each step of it fails after `timeoutMs` without an answer. */
export async function withClient<T>(
  address: NodeAddress,
  work: (client: pg.Client) => Promise<T>,
  timeoutMs?: number,
): Promise<T> {
  const { host, port, database, user, password, tls } = address;
  const client = new pg.Client({
    host,
    port,
    database,
    user,
    password,
    ssl: tls ?? false,
    application_name: 'replibench',
    connectionTimeoutMillis: timeoutMs ?? 20_000,
    ...(timeoutMs === undefined ? {} : { query_timeout: timeoutMs }),
  });
  // A server that ends between two queries says so here; the next query fails by itself.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    // A server that is stopped never answers the goodbye.
    void client.end().catch(() => undefined);
  }
}

/**
 * Resolves once the server answers a query in the role it should have. Refused connections and
 * "starting up" are waited for; any other error is thrown, `signal`'s reason when aborted.
 */
export async function waitForAnswer(address: NodeAddress, signal: AbortSignal): Promise<void> {
  // Each look costs a server that starts a process; one that takes long is asked less and less often.
  for (let pauseMs = 15; ; pauseMs = Math.min(250, pauseMs * 1.3)) {
    signal.throwIfAborted();
    try {
      const { rows } = await withClient(address, (client) =>
        client.query('SELECT pg_is_in_recovery() AS yes'),
      );
      if (rows[0]?.yes === (address.role === 'replica')) return;
      throw new EnvironmentError(`${address.name} answers, but not as a ${address.role}`);
    } catch (error) {
      if (!isStarting(error)) throw error;
    }
    await sleep(pauseMs, undefined, { signal });
  }
}

function isStarting(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  // Behind the proxy of a container's port, a refusal is a connection that ends at once.
  const ended = /^Connection terminated unexpectedly/.test(error.message);
  return ended || code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === '57P03';
}
