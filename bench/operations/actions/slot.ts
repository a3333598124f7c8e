import type { NodeAddress } from '../../model.ts';
import { ask } from '../ask.ts';
import { slotOf } from '../status/status.ts';

/** The slot that keeps WAL for a node, on the server that it streams from; nothing when it is there. */
export async function ensureSlot(server: NodeAddress, node: string): Promise<void> {
  await ask(
    server,
    `SELECT pg_create_physical_replication_slot($1, true)
      WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`,
    [slotOf(node)],
  );
}

/** Slots of a server that no node of the stack needs from it: each would hold WAL for ever. */
export async function dropSlot(server: NodeAddress, node: string): Promise<void> {
  await ask(
    server,
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active',
    [slotOf(node)],
  );
}
