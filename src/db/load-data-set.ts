/**
 * Creates tables, rows, keys and indexes on the primary, as fast as it can: it is on the critical path of
 * every benchmark. Two sessions work at the same time, because one of them keeps one core at most busy.
 */
import { Client } from 'pg';
import type { DatabaseConfiguration } from './configuration.ts';
import { type DataSetSize, insertRows } from './data-set.ts';
import { readDataSetState } from './data-set-state.ts';
import { createTables, finishTables, linkTables, type TableName, tableNames } from './schema.ts';

/** `interactions` alone costs about as much as these together. */
const otherTables = ['teams', 'users', 'contacts'] as const;

export interface LoadStep {
  readonly name: string;
  readonly durationMs: number;
}

/** What `clock` returns is only subtracted: any monotonic milliseconds. */
export interface LoadOptions {
  readonly clock: () => number;
  readonly report: (step: LoadStep) => void;
}

/** Tables are not ours to drop. */
export class ForeignTablesError extends Error {
  override readonly name = 'ForeignTablesError';
}

/**
 * Replaces an earlier data set of this program; throws ForeignTablesError rather than drop tables of the
 * same names that it did not make. Other errors are pg's own.
 */
export async function loadDataSet(
  configuration: DatabaseConfiguration,
  size: DataSetSize,
  options: LoadOptions,
): Promise<void> {
  await using sessions = new Sessions(configuration);
  const [first, second] = await Promise.all([sessions.open(), sessions.open()]);
  const timed = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    const start = options.clock();
    await work();
    options.report({ name, durationMs: options.clock() - start });
  };
  const rows = insertRows(size);
  const fill = async (client: Client, table: TableName): Promise<void> => {
    await client.query(rows[table]);
    for (const statement of finishTables[table]) await client.query(statement);
    await client.query(`ALTER TABLE ${table} ALTER COLUMN id RESTART WITH ${size[table] + 1}`);
    // A session reports its row counts at leisure: after the VACUUM below, they would look like new work,
    // and autovacuum would repeat it a minute later, in the middle of a measurement.
    await client.query('SELECT pg_stat_force_next_flush()');
  };
  // VACUUM sets hint bits and the visibility map now, so that the first readers need not.
  const settle = (client: Client, table: TableName): Promise<unknown> =>
    client.query(`VACUUM (ANALYZE, PARALLEL 0) ${table}`);

  await timed('tables', () => recreateTables(first, size));
  await timed('rows, keys and indexes', () =>
    Promise.all([fill(first, 'interactions'), inOrder(otherTables, (table) => fill(second, table))]),
  );
  await timed('foreign keys', () => inOrder(linkTables, (statement) => first.query(statement)));
  // From here on nothing may be lost by a crash, and what this commit makes durable is all that came before it.
  // `local`: no standby need be there yet.
  await first.query('SET synchronous_commit = local');
  await first.query('UPDATE replibench_data_set SET complete = true');
  await timed('vacuum and analyze', () =>
    Promise.all([settle(first, 'interactions'), inOrder(otherTables, (table) => settle(second, table))]),
  );
  // The first checkpoint of a measurement should not have to write the data set.
  await timed('checkpoint', () => checkpoint(first));
}

/** Left to the server where the role may not ask for one: it makes a measurement quieter, no more. */
async function checkpoint(client: Client): Promise<void> {
  const { rows } = await client.query<{ allowed: boolean }>(mayCheckpoint);
  if (rows[0]?.allowed) await client.query('CHECKPOINT');
}

// Asked, not tried: a refusal would be an error in the server's log at every first start.
const mayCheckpoint = `
  SELECT rolsuper OR EXISTS (SELECT FROM pg_roles AS role
    WHERE role.rolname = 'pg_checkpoint' AND pg_has_role(role.oid, 'USAGE')) AS allowed
  FROM pg_roles WHERE rolname = current_user`;

/** In one transaction, so that a refusal leaves everything as it was. */
async function recreateTables(client: Client, size: DataSetSize): Promise<void> {
  const { kind, table } = await readDataSetState(client);
  if (kind === 'foreign') {
    throw new ForeignTablesError(
      `the database already has a table "${table}" that is not of this data set: use an empty database`,
    );
  }
  await client.query('BEGIN');
  await client.query(`DROP TABLE IF EXISTS ${tableNames.toReversed().join(', ')}, replibench_data_set`);
  for (const table of tableNames) await client.query(createTables[table]);
  await client.query('CREATE TABLE replibench_data_set (size json NOT NULL, complete boolean NOT NULL)');
  await client.query('INSERT INTO replibench_data_set VALUES ($1, false)', [JSON.stringify(size)]);
  await client.query('COMMIT');
}

async function inOrder<Item>(items: readonly Item[], work: (item: Item) => Promise<unknown>): Promise<void> {
  for (const item of items) await work(item);
}

/** Connections of one load, closed together. */
class Sessions implements AsyncDisposable {
  readonly #configuration: DatabaseConfiguration;
  readonly #clients: Client[] = [];

  constructor(configuration: DatabaseConfiguration) {
    this.#configuration = configuration;
  }

  async open(): Promise<Client> {
    const { database, user, password, connectTimeoutMs, nodes } = this.#configuration;
    const { host, port } = nodes[0];
    const client = new Client({
      host,
      port,
      database,
      user,
      password,
      connectionTimeoutMillis: connectTimeoutMs,
    });
    this.#clients.push(client);
    // A connection lost between two statements is told by the next one; unheard, it would end the process.
    client.on('error', () => undefined);
    await client.connect();
    // Durability comes from the last commit; workers would only compete with the other session.
    await client.query(`SET synchronous_commit = off; SET maintenance_work_mem = '64MB';
      SET max_parallel_maintenance_workers = 0; SET max_parallel_workers_per_gather = 0`);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end()));
  }
}
