/** Fills a database that has no data set, once, although several instances start at the same time. */
import { Client } from 'pg';
import type { DatabaseConfiguration } from './configuration.ts';
import type { DataSetSize } from './data-set.ts';
import { readDataSetState } from './data-set-state.ts';
import { type LoadOptions, loadDataSet } from './load-data-set.ts';

/** Any number, as long as every instance asks for the same: the first eight bytes of "replibench". */
export const advisoryLock = '8243118303898396014';

const startUpPatienceMs = 30_000;

/**
 * Loads schema and data when the primary has none of the tables, or a load that was cut off; leaves all else
 * alone, tables of somebody else included. Resolves to whether this process did it. Others that ask meanwhile
 * wait until it is done; the lock is the session's, so a killed instance does not keep it. Errors are pg's own.
 */
export async function prepareIfEmpty(
  configuration: DatabaseConfiguration,
  size: DataSetSize,
  options: LoadOptions,
): Promise<boolean> {
  const { database, user, password, connectTimeoutMs, nodes } = configuration;
  const client = new Client({
    ...{ host: nodes[0].host, port: nodes[0].port, database, user, password },
    application_name: configuration.instance,
    // No request waits here, and a server that has just started may be slow.
    connectionTimeoutMillis: Math.max(connectTimeoutMs, startUpPatienceMs),
  });
  // A connection lost between two steps is told by the next query; unheard, it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(`SELECT pg_advisory_lock(${advisoryLock})`);
    const { kind } = await readDataSetState(client);
    if (kind === 'complete' || kind === 'foreign') return false;
    await loadDataSet(configuration, size, options);
    return true;
  } finally {
    await client.end();
  }
}
