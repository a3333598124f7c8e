import { EnvironmentError, type NodeAddress } from '../../model.ts';
import { type StackNode, serviceOf } from '../../topology/compose/stack.ts';
import { docker } from '../../topology/docker/engine.ts';
import { withClient } from '../../topology/postgres/connect.ts';
import { slotOf } from '../status/status.ts';
import { ensureSlot } from './slot.ts';

const patienceMs = 30_000;

/** A running standby: its server and its container. */
export interface Standby {
  readonly address: NodeAddress;
  readonly node: StackNode;
}

/**
 * Lets a standby stream from another primary, without a restart: slot first, then where to connect, then reload.
 * The connection string is made anew, as the node itself makes it at its start: whatever is wrong in the one it
 * has, not only the host, is gone then.
 */
export async function repointReplica(
  { address, node }: Standby,
  primary: NodeAddress,
  signal: AbortSignal,
): Promise<void> {
  await ensureSlot(primary, address.name);
  const conninfo = await connectionTo(serviceOf(primary.name), node, signal);
  await withClient(
    address,
    async (client) => {
      // ALTER SYSTEM takes no parameters.
      await client.query(`ALTER SYSTEM SET primary_conninfo = ${client.escapeLiteral(conninfo)}`);
      await client.query(
        `ALTER SYSTEM SET primary_slot_name = ${client.escapeLiteral(slotOf(address.name))}`,
      );
      await client.query('SELECT pg_reload_conf()');
    },
    patienceMs,
  );
}

/** As docker/postgres/cluster.sh has it; the password is in a file that it names. */
async function connectionTo(host: string, node: StackNode, signal: AbortSignal): Promise<string> {
  if (node.containerId === null) throw new EnvironmentError(`${node.name} has no container`);
  const script = 'set -euo pipefail; source /usr/local/lib/replibench/cluster.sh; connection_to "$1"';
  const command = ['bash', '-c', script, 'replibench', host];
  const { stdout } = await docker(['exec', '-u', 'postgres', node.containerId, ...command], { signal });
  return stdout.trim();
}
