import { QueryTypes } from 'sequelize';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readDatabaseConfiguration } from '../../src/db/configuration.ts';
import { type Database, openDatabase } from '../../src/db/connection.ts';
import { classifyUnavailability } from '../../src/db/unavailable.ts';
import { startHandshakeDropper, startProxy, startSilentServer } from '../support/faulty-server.ts';
import { freePort, type PostgresNode, startPostgres } from '../support/postgres.ts';
import { databaseVariables } from '../support/sample-app.ts';

interface Address {
  readonly host: string;
  readonly port: number;
}

// Routing does not ask whether a read host is a standby, so one server stands for all healthy ones.
let healthy: PostgresNode;
let closed: Address;
beforeAll(async () => {
  healthy = await startPostgres();
  closed = { host: '127.0.0.1', port: await freePort() };
});
afterAll(() => healthy[Symbol.asyncDispose]());

/** `healthy` as a read host: another spelling of its address, because two names need two addresses. */
const readHost = (): Address => ({ host: 'localhost', port: healthy.port });

function open(
  replicas: readonly Address[],
  variables: Readonly<Record<string, string>> = {},
  primary: Address = healthy,
): Database {
  const addresses = databaseVariables({ ...healthy, port: primary.port }, replicas);
  return openDatabase(readDatabaseConfiguration({ ...addresses, ...variables }));
}

async function read(database: Database, sql = 'SELECT 1 AS one'): Promise<unknown> {
  return database.sequelize.query(sql, { type: QueryTypes.SELECT });
}

async function failures(database: Database, reads: number, sql?: string): Promise<string[]> {
  const results = await Promise.allSettled(Array.from({ length: reads }, () => read(database, sql)));
  return results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
}

test('reads never notice a replica that refuses connections', async () => {
  await using database = open([closed, readHost()], { DB_POOL_MAX: '4', DB_POOL_MAX_USES: '10' });
  expect(await failures(database, 100)).toEqual([]);
});

test('a black-holed replica costs connections for a moment, and does not starve the pool for ever', async () => {
  await using silent = await startSilentServer();
  const limits = { DB_POOL_MAX: '4', DB_CONNECT_TIMEOUT_MS: '200', DB_POOL_ACQUIRE_MS: '20000' };
  await using database = open([silent, readHost()], limits);
  for (let burst = 0; burst < 4; burst += 1) {
    expect(await failures(database, 4, 'SELECT pg_sleep(0.02)')).toEqual([]);
  }
  expect(silent.accepted()).toBeGreaterThan(0);
});

test('a replica that drops connections after their handshake ends neither the reads nor the process', async () => {
  await using dropper = await startHandshakeDropper(healthy);
  await using database = open([dropper, readHost()], { DB_POOL_MAX: '4' });
  // An exception in pg's event handler would be reported by vitest as unhandled, and fail the run.
  expect(await failures(database, 20)).toEqual([]);
  expect(dropper.accepted()).toBeGreaterThan(0);
});

test('reads need no primary: nobody asks it for its version first', async () => {
  await using database = open([readHost()], {}, closed);
  expect(await read(database)).toEqual([{ one: 1 }]);
});

test('a statement that was under way is never sent twice', async () => {
  await using line = await startProxy(healthy);
  await using database = open([], {}, line);
  await healthy.query('CREATE TABLE once (id int)');
  const writing = database.sequelize
    .query('INSERT INTO once VALUES (1); COMMIT; SELECT pg_sleep(20)')
    .catch((reason: unknown) => reason);
  const rows = 'SELECT count(*)::int AS rows FROM once';
  while ((await healthy.query<{ rows: number }>(rows))[0]?.rows === 0);
  line.cut();
  expect(classifyUnavailability(await writing)).toBe('no-answer');
  expect([line.accepted(), await healthy.query(rows)]).toEqual([1, [{ rows: 1 }]]);
});

test('an exhausted pool is told apart from a database that is away', async () => {
  await using database = open([], { DB_POOL_MAX: '1', DB_POOL_ACQUIRE_MS: '50' });
  // A login may take longer than these 50 ms; the pool keeps the connection that comes too late.
  while (database.pools()[0]?.idle !== 1) await read(database).catch(() => undefined);
  const slow = read(database, 'SELECT pg_sleep(1)');
  const error = await read(database).catch((reason: unknown) => reason);
  expect(classifyUnavailability(error)).toBe('no-connection');
  expect(database.pools()).toEqual([{ pool: 'all', size: 1, inUse: 1, idle: 0, waiting: 0 }]);
  await slow;
});

test('a server that stops answering in the middle of a query is given up', async () => {
  await using database = open([], { DB_QUERY_TIMEOUT_MS: '100' });
  const error = await read(database, 'SELECT pg_sleep(5)').catch((reason: unknown) => reason);
  expect(classifyUnavailability(error)).toBe('no-answer');
  expect(await read(database)).toEqual([{ one: 1 }]);
});

test('a wrong statement is not taken for an absent database', async () => {
  await using database = open([readHost()]);
  const error = await read(database, 'SELECT 1 FROM nowhere').catch((reason: unknown) => reason);
  expect(classifyUnavailability(error)).toBeNull();
});

test('a wrong password is told at once, not tried again', async () => {
  await using door = await startProxy(healthy);
  await using database = open([], { DB_PASSWORD: 'wrong' }, door);
  await expect(read(database)).rejects.toThrow('password authentication failed');
  expect(door.accepted()).toBe(1);
});

test('pools are reported apart when reads have their own', async () => {
  await using database = open([readHost()]);
  await read(database);
  expect(database.pools()).toEqual([
    { pool: 'read', size: 1, inUse: 0, idle: 1, waiting: 0 },
    { pool: 'write', size: 0, inUse: 0, idle: 0, waiting: 0 },
  ]);
});
