import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { EnvironmentError, type NodeAddress, type Scenario, UsageError } from '../model.ts';
import { type ApplicationDefinition, connectionsOf, inheritedEnvironment } from './application-definition.ts';
import { runCommand } from './run-command.ts';

/**
 * Makes schema and data on an empty primary, in the way the application's definition says.
 * @throws EnvironmentError with the end of the command's output, or the SQL file's error
 */
export async function prepareDatabase(
  definition: ApplicationDefinition,
  primary: NodeAddress,
  data: Scenario['data'],
  runId: string,
  signal: AbortSignal,
): Promise<void> {
  const { prepare } = definition;
  if (prepare === undefined) return;
  if ('sqlFile' in prepare) return runSqlFile(prepare.sqlFile, primary, signal);
  const connections = connectionsOf({ routing: 'primary-only' }, [primary], 0);
  const env = {
    ...inheritedEnvironment(definition),
    ...prepare.env(connections, data),
    // The guardian finds what a killed harness leaves behind by this mark.
    REPLIBENCH_RUN_ID: runId,
  };
  await runCommand({
    ...{ command: prepare.command, cwd: prepare.cwd, env, signal },
    secrets: [primary.password],
    what: 'preparing schema and data',
  });
}

async function runSqlFile(path: string, primary: NodeAddress, signal: AbortSignal): Promise<void> {
  const sql = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`prepare.sql: ${path} cannot be read`, { cause });
  });
  const { host, port, database, user, password, tls } = primary;
  const client = new pg.Client({ host, port, database, user, password, ssl: tls ?? false });
  // A server that ends between two statements says so here; the statement that follows fails.
  client.on('error', () => undefined);
  await client.connect();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    signal.throwIfAborted();
    await Promise.race([client.query(sql), aborted]);
    await client.end();
  } catch (cause) {
    // Not awaited: the server is about to be stopped, and a statement that runs would be waited for.
    client.end().catch(() => undefined);
    if (signal.aborted) throw signal.reason;
    const { message, position } = cause as { message: string; position?: string };
    const line =
      position === undefined ? '' : ` at line ${sql.slice(0, Number(position)).split('\n').length}`;
    throw new EnvironmentError(`prepare.sql: ${path} failed${line}: ${message}`, { cause });
  }
}
