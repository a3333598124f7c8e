import { QueryTypes, type Sequelize } from 'sequelize';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createDatabase, type DatabaseOptions, type Router } from '../../../src/db/routing/index.ts';
import { type PostgresNode, type ReplicatedPostgres, startReplicated } from '../../support/postgres.ts';

let servers: ReplicatedPostgres;
let primary: PostgresNode;
let replica: PostgresNode;
let undo = new AsyncDisposableStack();

beforeAll(async () => {
  servers = await startReplicated(1);
  const [first] = servers.replicas;
  if (first === undefined) throw new Error('expected a replica');
  [primary, replica] = [servers.primary, first];
  await primary.query(`CREATE ROLE reader LOGIN PASSWORD 'of the reader'`);
  await primary.query('CREATE DATABASE reports');
  await servers.caughtUp();
});
afterAll(() => servers[Symbol.asyncDispose]());
afterEach(async () => {
  await undo.disposeAsync();
  undo = new AsyncDisposableStack();
});

function open(options: Partial<DatabaseOptions>): { readonly sequelize: Sequelize; readonly router: Router } {
  const { sequelize, router } = createDatabase({
    routing: 'balanced',
    dialect: 'postgres',
    logging: false,
    policy: { probeIntervalMs: 20 },
    ...options,
  });
  if (router === null) throw new Error('expected a router');
  undo.defer(() => sequelize.close());
  return { sequelize, router };
}

const loginTo = ({ host, port, database, user: username, password }: PostgresNode) => ({
  ...{ host, port, database, username, password },
});

const who = `SELECT inet_server_port() AS port, current_user AS "user", current_database() AS database`;
const select = { type: QueryTypes.SELECT } as const;

/** The logins of probes. */
const probing = `SELECT DISTINCT usename AS "user", datname AS database FROM pg_stat_activity
  WHERE query LIKE '%pg_is_in_recovery%' AND pid <> pg_backend_pid()`;

describe('a read host', () => {
  test('has the login of the others, or its own, by which it is asked where it is as well', async () => {
    const { username, password, ...address } = loginTo(primary);
    const reader = { username: 'reader', password: 'of the reader', database: 'reports' };
    const { sequelize, router } = open({
      ...{ username, password },
      replication: { write: address, read: [{ host: replica.host, port: replica.port, ...reader }] },
    });
    expect(await sequelize.query(who, select)).toEqual([
      { port: replica.port, user: 'reader', database: 'reports' },
    ]);
    expect(await sequelize.query(who, { ...select, useMaster: true })).toEqual([
      { port: primary.port, user: 'postgres', database: 'postgres' },
    ]);
    expect(await replica.query(probing)).toEqual([{ user: 'reader', database: 'reports' }]);
    expect(await primary.query(probing)).toEqual([{ user: 'postgres', database: 'postgres' }]);
    // It may ask all that there is to know.
    await vi.waitFor(() => expect(router.cluster.nodes[1]?.lagMs).toBe(0));
  });

  test('that says nothing of itself is the one of the options', async () => {
    const { port, ...write } = loginTo(primary);
    const { sequelize } = open({ port, replication: { write, read: [{ port: String(replica.port) }] } });
    expect(await sequelize.query(who, select)).toMatchObject([{ port: replica.port, user: 'postgres' }]);
  });
});

describe('without read hosts', () => {
  test.each<readonly [what: string, options: () => Partial<DatabaseOptions>]>([
    ['no replication', () => loginTo(primary)],
    ['replication without `read`', () => ({ replication: { write: loginTo(primary) } }) as object],
    ['an empty `read`', () => ({ replication: { write: loginTo(primary), read: [] } })],
  ])('all goes to the one server there is, and as much as there is: %s', async (_what, options) => {
    const policy = { fallback: { concurrent: 1 }, classes: { default: { waitMs: 0 } } };
    const { sequelize } = open({ ...options(), policy });
    const slow = () => sequelize.query(`${who}, pg_sleep(0.05)`, select);
    for (const answer of await Promise.all(Array.from({ length: 5 }, slow)))
      expect(answer).toMatchObject([{ port: primary.port }]);
    expect(await sequelize.query(who)).toMatchObject([[{ port: primary.port }], {}]);
  });
});

describe('a query that fails', () => {
  test.each<readonly [what: string, times: number, retry: Partial<DatabaseOptions>]>([
    ['is not asked again', 1, {}],
    ['is asked again as the options say', 3, { retry: { max: 3, match: [/nowhere/], backoffBase: 1 } }],
  ])('%s: %d', async (_what, times, retry) => {
    const logging = vi.fn<(sql: string) => void>();
    const { sequelize } = open({ ...loginTo(primary), ...retry, logging });
    await expect(sequelize.query('SELECT FROM nowhere', select)).rejects.toThrow('nowhere');
    expect(logging).toHaveBeenCalledTimes(times);
  });
});

test('a hook that knows the password of today gives it to whoever asks where a node is, too', async () => {
  const wrong = (node: PostgresNode) => ({ ...loginTo(node), password: 'of yesterday' });
  const { sequelize, router } = open({
    replication: { write: wrong(primary), read: [wrong(replica)] },
    hooks: {
      beforeConnect: async (config) => {
        config.password = primary.password;
      },
    },
  });
  expect(await sequelize.query(who, select)).toMatchObject([{ port: replica.port }]);
  expect(router.cluster.nodes.map(({ place }) => place?.timeline)).toEqual([1, 1]);
  await vi.waitFor(() => expect(router.cluster.nodes[1]?.lagMs).toBe(0));
});
