/** Keeps two operators apart: whoever changes a stack holds a lock on every node that answers. */
import pg from 'pg';
import { EnvironmentError } from '../../model.ts';
import { answers, type ClusterView } from '../observe/observation.ts';

/** Any number that nobody else uses; "replibench" in ASCII, cut to 63 bits. */
const lockNumber = '8243113871180853859';

/**
 * An advisory lock on every node that answers. It ends with the connection, so an operator who was killed
 * leaves none behind; a node that restarts loses its own, the others still hold. A target that lives through
 * a failover is always among them.
 * Throws EnvironmentError when somebody else holds one, or when no node answers.
 */
export async function lockStack(view: ClusterView): Promise<AsyncDisposable> {
  const held: pg.Client[] = [];
  const release = async () => {
    for (const client of held.splice(0)) await client.end().catch(() => undefined);
  };
  try {
    // In one order for all: two operators who begin at the same moment meet at the first node.
    for (const { name, address } of view.nodes.filter(answers)) {
      const client = new pg.Client({ ...address, application_name: 'replibench-operator', ssl: false });
      // A node that is stopped, maybe by us, ends its lock; that is as it should be.
      client.on('error', () => undefined);
      await client.connect();
      held.push(client);
      const { rows } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1) AS got', [
        lockNumber,
      ]);
      if (rows[0]?.got !== true) {
        throw new EnvironmentError(
          `somebody else is changing this stack: ${name} is locked; wait until they are done`,
        );
      }
    }
    return { [Symbol.asyncDispose]: release };
  } catch (error) {
    await release();
    throw error;
  }
}
