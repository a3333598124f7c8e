/** What the servers are told, as the text of their configuration files. */

import type { NodeAddress } from '../../model.ts';

export type Settings = Readonly<Record<string, string>>;

/** Same on every node. The first lines are those of the replicated system that the runs are compared with. */
export const measuredSettings: Settings = {
  wal_level: 'replica',
  max_wal_senders: '10',
  max_replication_slots: '10',
  hot_standby: 'on',
  wal_keep_size: '512MB',
  // An Express process holds a pool per node; several processes and the probes must fit.
  max_connections: '200',
  shared_buffers: '128MB',
  // Full durability: what a production primary pays for a write.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  // A replica that lost its connection comes back within the measurement, not 5 s later.
  wal_retrieve_retry_interval: '200ms',
  // The password is always asked for.
  password_encryption: 'scram-sha-256',
  // The harness holds the log; the texts are for its error messages.
  logging_collector: 'off',
  log_destination: 'stderr',
  lc_messages: 'C',
};

/** Of servers on this machine itself: loopback over TCP only. */
export const loopbackSettings: Settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '' };

/** While the data set is made nothing has to survive a crash: the template is thrown away on any failure. */
export const preparingSettings: Settings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  checkpoint_timeout: '1h',
  max_wal_size: '8GB',
  maintenance_work_mem: '256MB',
  // Every segment that is kept, for replicas or for reuse, would be copied to every node.
  wal_keep_size: '0',
  wal_recycle: 'off',
};

/**
 * pg_hba.conf: scram for everything, replication included, from these addresses (`127.0.0.1/32`, or a
 * word such as `samenet`); no line for a socket or for anybody else.
 */
export function hostBasedAuthentication(from: string): string {
  return `host all all ${from} scram-sha-256\nhost replication all ${from} scram-sha-256\n`;
}

/** Lines of a configuration file, where a backslash escapes as in C. */
export function formatSettings(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'\n`)
    .join('');
}

/** One value of a libpq connection string. */
export function quoteConnectionValue(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** What makes a copy with a `standby.signal` stream from `primary`, by a slot of its own name. */
export function replicaSettings(
  name: string,
  primary: Pick<NodeAddress, 'host' | 'port' | 'user'>,
  passFile: string,
): Settings {
  const connection = {
    host: primary.host,
    port: `${primary.port}`,
    user: primary.user,
    // Not the password itself: every reader of pg_settings would see it, our own report included.
    passfile: passFile,
    application_name: name,
  };
  return {
    primary_conninfo: Object.entries(connection)
      .map(([key, value]) => `${key}=${quoteConnectionValue(value)}`)
      .join(' '),
    primary_slot_name: name,
  };
}
