/** Whether servers that somebody named are one replicated cluster in the roles that they are said to have. */
import { EnvironmentError, type NodeAddress } from '../../model.ts';
import { withClient } from '../postgres/connect.ts';

export interface Membership {
  readonly inRecovery: boolean;
  /** Equal on all nodes of one cluster, and on no other. */
  readonly system: string;
  /** For example `17.10`. */
  readonly version: string;
  /** A replica's slot, or the name it gives itself on its primary; null when neither can be seen. */
  readonly standbyName: string | null;
  /** Of a replica: whether WAL comes in; null when that cannot be seen, and of a primary. */
  readonly receiving: boolean | null;
}

const timeoutMs = 15_000;

/** @throws EnvironmentError naming the node, when it cannot be asked */
export async function askMembership(address: NodeAddress): Promise<Membership> {
  try {
    return await withClient(
      address,
      async (client) => {
        const { rows } = await client.query(
          `SELECT pg_is_in_recovery() AS recovery, (SELECT system_identifier::text FROM pg_control_system()) AS system,
             current_setting('server_version') AS version, current_setting('cluster_name') AS cluster,
             r.pid, r.status, r.slot_name, r.conninfo
           FROM (SELECT) AS always LEFT JOIN pg_stat_wal_receiver r ON true`,
        );
        const [row] = rows;
        return {
          inRecovery: row.recovery,
          system: row.system,
          version: String(row.version).split(' ')[0] ?? 'unknown',
          standbyName: standbyNameOf(row),
          receiving: row.recovery ? isReceiving(row) : null,
        };
      },
      timeoutMs,
    );
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EnvironmentError(`${describe(address)} cannot be asked: ${reason}`, { cause });
  }
}

/**
 * @throws EnvironmentError with every fault: a primary in recovery, a replica that is none or is of another
 *   cluster, one server under two names
 */
export function checkMembership(
  members: readonly { readonly address: NodeAddress; readonly membership: Membership }[],
): void {
  const primary = members.find(({ address }) => address.role === 'primary');
  const faults = members.flatMap(({ address, membership }) => {
    const name = describe(address);
    if (address.role === 'primary')
      return membership.inRecovery
        ? [`${name} is in recovery, so it is a replica: give the URL of the primary`]
        : [];
    if (!membership.inRecovery)
      return [`${name} is not in recovery, so it is no replica: give the URL of a standby`];
    return primary !== undefined && membership.system !== primary.membership.system
      ? [
          `${name} belongs to another cluster (system identifier ${membership.system}, the primary's is ${primary.membership.system})`,
        ]
      : [];
  });
  const seen = new Map<string, string>();
  for (const { address } of members) {
    const place = `${address.host}:${address.port}`;
    const other = seen.get(place);
    if (other !== undefined) faults.push(`${other} and ${address.name} are the same server, ${place}`);
    seen.set(place, address.name);
  }
  if (faults.length > 0) throw new EnvironmentError(faults.join('; '));
}

function describe({ name, host, port }: NodeAddress): string {
  return `${name} (${host}:${port})`;
}

/** A server that does not receive has no row; whoever may not see a row sees its pid and nulls. */
function isReceiving({ pid, status }: { pid: number | null; status: string | null }): boolean | null {
  if (pid === null) return false;
  return status === null ? null : status === 'streaming';
}

function standbyNameOf(row: {
  slot_name: string | null;
  conninfo: string | null;
  cluster: string;
}): string | null {
  const own = /(?:^|\s)application_name=('(?:[^'\\]|\\.)*'|\S+)/.exec(row.conninfo ?? '')?.[1];
  const name = row.slot_name ?? own?.replace(/^'(.*)'$/, '$1') ?? row.cluster;
  // What a walreceiver without a name is called, as all others without one are.
  return name === '' || name === 'walreceiver' ? null : name;
}
