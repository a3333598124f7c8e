import type { Fingerprint, NodeAddress } from '../model.ts';
import { NodeConnection, type Statement } from './node-connection.ts';

// `client` and `session` are settings of our own connection, not of the server.
const settings: Statement = {
  name: 'settings',
  text: `
    SELECT name, current_setting(name), current_setting('server_version')
    FROM pg_settings
    WHERE source NOT IN ('default', 'override', 'client', 'session')
    ORDER BY name`,
};

/**
 * Version and non-default settings of a node, without what names a place or lets somebody in: paths,
 * commands, addresses, ports, connection strings. Rejects with an EnvironmentError when the node cannot be asked.
 */
export async function postgresSettings(
  address: NodeAddress,
  options: { readonly timeoutMs?: number } = {},
): Promise<Pick<Fingerprint, 'postgres' | 'postgresSettings'>> {
  await using connection = new NodeConnection(address, { timeoutMs: options.timeoutMs ?? 10_000 });
  const rows = await connection.query(settings);
  const result: Record<string, string> = {};
  for (const [name, value] of rows)
    if (typeof name === 'string' && typeof value === 'string' && isPublic(name, value)) result[name] = value;
  return { postgres: rows[0]?.[2] ?? 'unknown', postgresSettings: result };
}

const privateNames =
  /(_file|_files|_directory|_directories|_command|_conninfo|_keyfile|_librar(y|ies))$|conninfo|passphrase|^ssl_(ca|cert|crl|key)|^(port|listen_addresses|cluster_name|application_name|primary_slot_name|event_source)$/;

function isPublic(name: string, value: string): boolean {
  // An absolute path, alone or in a list, in whatever setting of an extension it hides.
  return !privateNames.test(name) && !/(^|[\s,='"])\/\S/.test(value) && !/password\s*=|:\/\//i.test(value);
}
