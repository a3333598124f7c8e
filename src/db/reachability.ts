/** Asks each node for itself whether it answers: Sequelize's pools cannot address one read host. */
import { Client } from 'pg';
import type { DatabaseConfiguration, DatabaseNode } from './configuration.ts';

export interface Reachability {
  readonly node: DatabaseNode;
  /** Null when the node answered a query; otherwise why it did not, in words. */
  readonly problem: string | null;
  /** The node answered, and replays another's log: it is a standby, whatever it was configured as. */
  readonly inRecovery: boolean;
}

/** Asks all nodes at the same time; never rejects, and takes at most twice the connect timeout. */
export function askEveryNode(configuration: DatabaseConfiguration): Promise<readonly Reachability[]> {
  return Promise.all(configuration.nodes.map((node) => askNode(node, configuration)));
}

/** `replica1 (127.0.0.1:5433): connect ECONNREFUSED` */
export function describeProblem({ node, problem }: Pick<Reachability, 'node' | 'problem'>): string {
  return `${node.name} (${node.host}:${node.port}): ${problem ?? 'answers'}`;
}

/** Asks one node; never rejects, and takes at most twice the connect timeout. */
export async function askNode(
  node: DatabaseNode,
  configuration: DatabaseConfiguration,
): Promise<Reachability> {
  const { database, user, password, connectTimeoutMs } = configuration;
  const client = new Client({
    ...{ host: node.host, port: node.port, database, user, password },
    application_name: configuration.instance,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: connectTimeoutMs,
  });
  let lost: string | null = null;
  // Without a listener a connection lost between two steps would end the process.
  client.on('error', (error) => {
    lost = error.message;
  });
  try {
    await client.connect();
    const { rows } = await client.query<{ inRecovery: boolean }>(
      'SELECT pg_is_in_recovery() AS "inRecovery"',
    );
    return { node, problem: lost, inRecovery: rows[0]?.inRecovery ?? false };
  } catch (error) {
    const problem = error instanceof Error ? error.message || error.name : String(error);
    return { node, problem, inRecovery: false };
  } finally {
    // Not awaited: a hung server would not answer the farewell either.
    client.end().catch((error: Error) => {
      lost = error.message;
    });
  }
}
