/** An injected fault: an index that somebody forgot. */
import { Client } from 'pg';
import type { DatabaseConfiguration } from './configuration.ts';

/**
 * Drops an index of the primary, of which its replicas follow. Resolves to false when there was none, as when
 * another instance was faster. Errors are pg's own.
 */
export async function dropIndex(configuration: DatabaseConfiguration, index: string): Promise<boolean> {
  const { database, user, password, nodes, connectTimeoutMs, instance } = configuration;
  const client = new Client({
    ...{ host: nodes[0].host, port: nodes[0].port, database, user, password },
    application_name: instance,
    connectionTimeoutMillis: connectTimeoutMs,
  });
  // A connection lost later is told by the query; unheard, it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    let was = true;
    client.on('notice', ({ code }) => {
      // "does not exist, skipping"
      if (code === '00000') was = false;
    });
    await client.query(`DROP INDEX IF EXISTS ${client.escapeIdentifier(index)}`);
    return was;
  } finally {
    await client.end();
  }
}
