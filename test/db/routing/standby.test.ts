/** What happens on standbys alone: nothing more comes, or replay ends what runs there. */
import { QueryTypes } from 'sequelize';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Link, startLink } from '../../support/link.ts';
import { type PostgresNode, type ReplicatedPostgres, startReplicated } from '../../support/postgres.ts';
import { startRouted } from './routed.ts';
import { follow, set } from './servers.ts';

let servers: ReplicatedPostgres;
let primary: PostgresNode;
let replica1: PostgresNode;
let undo: AsyncDisposableStack;

beforeAll(async () => {
  servers = await startReplicated(2);
  const [first] = servers.replicas;
  if (first === undefined) throw new Error('expected a replica');
  [primary, replica1] = [servers.primary, first];
  await primary.query('CREATE TABLE notes (id int PRIMARY KEY, version int NOT NULL)');
  await primary.query('INSERT INTO notes VALUES (1, 0)');
  await servers.caughtUp();
});
afterAll(() => servers[Symbol.asyncDispose]());

afterEach(async () => {
  await undo.disposeAsync();
  await servers.caughtUp();
});

const patient = { timeout: 20_000 };

describe('a replica that gets nothing more', () => {
  test.each<readonly [what: string, cut: (link: Link) => unknown]>([
    // It has no WAL receiver, and has replayed all that it has received.
    ['since its primary refuses it', (link) => link.refuse()],
    // It has one, that hears nothing.
    ['since its way to the primary is a black hole', (link) => link.stall()],
  ])('%s lags more and more, and serves nobody who minds', async (_what, cut) => {
    undo = new AsyncDisposableStack();
    const link = undo.use(await startLink(primary));
    undo.defer(() => set(replica1, 'primary_conninfo', undefined));
    await follow(replica1, { port: link.port, password: primary.password });
    await vi.waitFor(() => expect(link.accepted()).toBeGreaterThan(0), patient);
    const classes = {
      default: { maxLagMs: 1e9, maxLagBytes: 1e15 },
      live: { maxLagMs: 300, waitMs: 20_000 },
    };
    const routed = undo.use(await startRouted(servers, { policy: { probeIntervalMs: 20, classes } }));
    const both = new Set(['replica1 read', 'replica2 read']);
    const routesOf = async (options: object): Promise<Set<string>> => {
      routed.routes.length = 0;
      await Promise.all(Array.from({ length: 60 }, () => routed.servedBy(options)));
      return new Set(routed.routes);
    };
    await vi.waitFor(async () => expect(await routesOf({ readClass: 'live' })).toEqual(both), patient);
    await cut(link);
    await primary.query('INSERT INTO notes SELECT n, 0 FROM generate_series(2, 5000) AS n');
    undo.defer(async () => {
      await primary.query('DELETE FROM notes WHERE id > 1');
    });
    const [, cutOff] = routed.router.cluster.nodes;
    await vi.waitFor(() => expect(cutOff?.lagMs).toBeGreaterThan(400), patient);
    await vi.waitFor(() => expect(cutOff?.lagMs).toBeGreaterThan(1_000), patient);
    expect(cutOff?.lagBytes).toBeGreaterThan(100_000);
    expect(cutOff?.health.state).toBe('healthy');
    expect(await routesOf({ readClass: 'live' })).toEqual(new Set(['replica2 read']));
    await vi.waitFor(async () => expect(await routesOf({})).toEqual(both), patient);
  });
});

test('a read that replay ended, since it needed its rows gone, is asked elsewhere', async () => {
  undo = new AsyncDisposableStack();
  for (const replica of servers.replicas) {
    await set(replica, 'max_standby_streaming_delay', '0');
    undo.defer(() => set(replica, 'max_standby_streaming_delay', undefined));
  }
  const routed = undo.use(await startRouted(servers));
  await primary.query('UPDATE notes SET version = 0 WHERE id = 1');
  await servers.caughtUp();
  // Who sees the old row stays until he is ended, who sees the new one has it at once.
  const reading = routed.sequelize.query(
    `SELECT version, CASE version WHEN 0 THEN pg_sleep(600) END AS slept FROM notes WHERE id = 1`,
    { type: QueryTypes.SELECT },
  );
  const sleepers = `SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'`;
  await vi.waitFor(async () => {
    const asleep = await Promise.all(servers.replicas.map((replica) => replica.query(sleepers)));
    expect(asleep.flat()).toHaveLength(1);
  }, patient);
  await primary.query('UPDATE notes SET version = 1 WHERE id = 1');
  await primary.query('VACUUM notes');
  expect(await reading).toMatchObject([{ version: 1 }]);
  // And once more, if the other one has not come so far yet.
  expect(new Set(routed.retries.map((retry) => retry.replace(/^replica\d/, 'replica')))).toEqual(
    new Set(['replica conflict']),
  );
  const [first, second] = routed.routes;
  expect([first, second]).toEqual([
    expect.stringMatching(/^replica\d read$/),
    expect.stringMatching(/^replica\d read$/),
  ]);
  expect(second).not.toBe(first);
});
