import type { NodeAddress } from '../../model.ts';
import { serviceOf } from '../../topology/compose/stack.ts';
import { withClient } from '../../topology/postgres/connect.ts';
import { slotOf } from '../status/status.ts';
import { ensureSlot } from './slot.ts';

const patienceMs = 10_000;

/**
 * Lets a standby stream from another primary, without a restart: slot first, then where to connect, then
 * reload. Everything else of its connection string stays as the node has it.
 */
export async function repointReplica(replica: NodeAddress, primary: NodeAddress): Promise<void> {
  await ensureSlot(primary, replica.name);
  await withClient(
    replica,
    async (client) => {
      const { rows } = await client.query<{ conninfo: string }>(
        `SELECT setting AS conninfo FROM pg_settings WHERE name = 'primary_conninfo'`,
      );
      const conninfo = withHost(rows[0]?.conninfo ?? '', serviceOf(primary.name));
      // ALTER SYSTEM takes no parameters.
      await client.query(`ALTER SYSTEM SET primary_conninfo = ${client.escapeLiteral(conninfo)}`);
      await client.query(
        `ALTER SYSTEM SET primary_slot_name = ${client.escapeLiteral(slotOf(replica.name))}`,
      );
      await client.query('SELECT pg_reload_conf()');
    },
    patienceMs,
  );
}

/** A connection string with another host. */
export function withHost(conninfo: string, host: string): string {
  const others = conninfo.replaceAll(/(^|\s)host=('(?:[^'\\]|\\.)*'|\S+)/g, '$1').trim();
  return `host=${host} ${others}`.trim();
}
