import { QueryTypes } from 'sequelize';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readDatabaseConfiguration } from '../../src/db/configuration.ts';
import { type Database, openDatabase } from '../../src/db/connection.ts';
import { recordServingNode, type Served } from '../../src/db/serving-node.ts';
import { type ReplicatedPostgres, startReplicated } from '../support/postgres.ts';
import { databaseVariables } from '../support/sample-app.ts';

let servers: ReplicatedPostgres;
let namesByPort: ReadonlyMap<number, string>;
beforeAll(async () => {
  servers = await startReplicated(2);
  const { primary, replicas } = servers;
  namesByPort = new Map(
    [primary, ...replicas].map(({ port }, i) => [port, i === 0 ? 'primary' : `replica${i}`]),
  );
});
afterAll(() => servers[Symbol.asyncDispose]());

function open(variables: Readonly<Record<string, string>> = {}): Database {
  const addresses = databaseVariables(servers.primary, servers.replicas);
  return openDatabase(readDatabaseConfiguration({ ...addresses, ...variables }));
}

/** What the connection's tag claims, and what the server itself says. */
async function ask(database: Database): Promise<{ claimed: string | undefined; true: string | undefined }> {
  const served: Served = { node: undefined };
  const rows = await recordServingNode(served, () =>
    database.sequelize.query<{ port: number }>('SELECT inet_server_port() AS port, pg_sleep(0.002)', {
      type: QueryTypes.SELECT,
    }),
  );
  return { claimed: served.node, true: namesByPort.get(rows[0]?.port ?? 0) };
}

async function askAtOnce(database: Database, count: number): Promise<Awaited<ReturnType<typeof ask>>[]> {
  return Promise.all(Array.from({ length: count }, () => ask(database)));
}

test('the claimed node is the one that answered, while the pool replaces connections all the time', async () => {
  await using database = open({ DB_POOL_MAX: '6', DB_POOL_MAX_USES: '3', DB_POOL_ACQUIRE_MS: '60000' });
  const answers = await askAtOnce(database, 100);
  expect(answers.filter((answer) => answer.claimed !== answer.true)).toEqual([]);
  expect(new Set(answers.map((answer) => answer.true))).toEqual(new Set(['replica1', 'replica2']));
});

test('the claim stays true after a replica has dropped every connection', async () => {
  await using database = open({ DB_POOL_MAX: '4' });
  await askAtOnce(database, 8);
  const terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'app'";
  await servers.replicas[0]?.query(terminate);
  const answers = await Promise.allSettled(Array.from({ length: 40 }, () => ask(database)));
  const given = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  expect(given.length).toBeGreaterThan(30);
  expect(given.filter((answer) => answer.claimed !== answer.true)).toEqual([]);
});

test('each of many interleaved requests learns its own node', async () => {
  await using database = open({ DB_POOL_MAX: '4' });
  const { sequelize } = database;
  const write = async (): Promise<string | undefined> => {
    const served: Served = { node: undefined };
    await recordServingNode(served, () =>
      sequelize.query('SELECT pg_sleep(0.002)', { type: QueryTypes.RAW }),
    );
    return served.node;
  };
  const [reads, writes] = await Promise.all([
    askAtOnce(database, 30),
    Promise.all(Array.from({ length: 30 }, write)),
  ]);
  expect(new Set(writes)).toEqual(new Set(['primary']));
  expect(reads.some(({ claimed }) => claimed === 'primary')).toBe(false);
});

test('a read inside a transaction is served, and reported, by the primary', async () => {
  await using database = open();
  const served: Served = { node: undefined };
  const rows = await recordServingNode(served, () =>
    database.sequelize.transaction((transaction) =>
      database.sequelize.query<{ port: number }>('SELECT inet_server_port() AS port', {
        type: QueryTypes.SELECT,
        transaction,
      }),
    ),
  );
  expect([served.node, rows[0]?.port]).toEqual(['primary', servers.primary.port]);
});

test('primary-only routing reads from the primary', async () => {
  await using database = open({ DB_ROUTING: 'primary-only' });
  expect(await ask(database)).toEqual({ claimed: 'primary', true: 'primary' });
});

// Not a wish: what Sequelize's own replication does, and why few connections measure one replica only.
test('native routing sends reads that come one after another to one replica alone', async () => {
  await using database = open();
  const nodes = new Set<string | undefined>();
  for (let read = 0; read < 50; read += 1) nodes.add((await ask(database)).true);
  expect([...nodes]).toEqual(['replica1']);
});

test('with the pool full of work native routing uses every replica', async () => {
  await using database = open({ DB_POOL_MAX: '4' });
  const answers = await askAtOnce(database, 100);
  const replica1 = answers.filter((answer) => answer.true === 'replica1').length;
  expect(replica1).toBeGreaterThan(0);
  expect(replica1).toBeLessThan(100);
});
