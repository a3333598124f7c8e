import { setTimeout as delay } from 'node:timers/promises';
import { DataTypes, QueryTypes } from 'sequelize';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { startHandshakeDropper } from '../../support/faulty-server.ts';
import { type ReplicatedPostgres, startReplicated } from '../../support/postgres.ts';
import { keepReading, type Routed, type RoutedOptions, startRouted } from './routed.ts';
import { startGate } from './servers.ts';

let servers: ReplicatedPostgres;
let opened: Routed[] = [];

beforeAll(async () => {
  servers = await startReplicated(2);
  await servers.primary.query(
    `CREATE TABLE items (id serial PRIMARY KEY, name text NOT NULL, version int DEFAULT 0)`,
  );
  await servers.primary.query(
    `INSERT INTO items (name) SELECT 'item ' || n FROM generate_series(1, 50) AS n`,
  );
  await servers.primary.query(`CREATE FUNCTION note_visit() RETURNS int LANGUAGE sql AS
    'INSERT INTO items (name) VALUES (''visit'') RETURNING id'`);
  await servers.caughtUp();
});
afterAll(() => servers[Symbol.asyncDispose]());
afterEach(async () => {
  for (const one of opened) await one[Symbol.asyncDispose]();
  opened = [];
});

async function open(options: RoutedOptions = {}): Promise<Routed> {
  const routed = await startRouted(servers, options);
  opened.push(routed);
  return routed;
}

const select = { type: QueryTypes.SELECT } as const;

describe('a statement goes', () => {
  let routed: Routed;
  beforeEach(async () => {
    routed = await open({ policy: { writingFunctions: [] } });
  });

  /** What a piece of work was routed to, connections of transactions included. */
  const routesOf = async (work: () => Promise<unknown>): Promise<readonly string[]> => {
    routed.routes.length = 0;
    await work();
    return routed.routes.map((route) => route.replace(/replica\d/, 'replica'));
  };

  const model = () =>
    routed.sequelize.define(
      'item',
      { name: { type: DataTypes.TEXT, allowNull: false }, version: DataTypes.INTEGER },
      { tableName: 'items', timestamps: false },
    );

  test.each<readonly [what: string, where: string, work: (routed: Routed) => Promise<unknown>]>([
    ['a SELECT', 'replica read', ({ sequelize }) => sequelize.query('SELECT 1', select)],
    ['a find', 'replica read', () => model().findOne()],
    ['a count', 'replica read', () => model().count()],
    ['a sum', 'replica read', () => model().sum('version')],
    ['authenticate()', 'replica read', ({ sequelize }) => sequelize.authenticate()],
    ['a statement of no type', 'primary write', ({ sequelize }) => sequelize.query('SELECT 1')],
    ['an insert', 'primary write', () => model().create({ name: 'new' })],
    ['an update', 'primary write', () => model().update({ version: 1 }, { where: { id: 1 } })],
    ['findOrCreate', 'primary write', () => model().findOrCreate({ where: { name: 'found' } })],
    // Sequelize takes each of these for a SELECT, and PostgreSQL refuses them on a standby (SQLSTATE 25006).
    [
      'an INSERT that asks for its row',
      'primary primary-asked',
      ({ sequelize }) =>
        sequelize.query(`INSERT INTO items (name) VALUES ('x') RETURNING id`, { plain: true }),
    ],
    ['a find that locks', 'primary primary-asked', () => model().findOne({ lock: true })],
    [
      'a sequence',
      'primary primary-asked',
      ({ sequelize }) => sequelize.query(`SELECT nextval('items_id_seq')`, select),
    ],
    [
      'an advisory lock',
      'primary primary-asked',
      ({ sequelize }) => sequelize.query('SELECT pg_advisory_xact_lock(1)', select),
    ],
    [
      'a CTE that writes',
      'primary primary-asked',
      ({ sequelize }) =>
        sequelize.query(
          'WITH gone AS (DELETE FROM items WHERE id = 49 RETURNING id) SELECT * FROM gone',
          select,
        ),
    ],
    ['a read that says so', 'primary primary-asked', () => model().findOne({ useMaster: true } as object)],
    [
      'a transaction',
      'primary write',
      ({ sequelize }) => sequelize.transaction((transaction) => model().findOne({ transaction })),
    ],
    [
      'a read-only transaction',
      'replica read',
      ({ sequelize }) =>
        sequelize.transaction({ readOnly: true }, (transaction) => model().findOne({ transaction })),
    ],
    [
      'a read-only transaction that says so',
      'primary primary-asked',
      ({ sequelize }) =>
        sequelize.transaction({ readOnly: true, useMaster: true } as object, (transaction) =>
          model().findOne({ transaction }),
        ),
    ],
  ])('%s: %s', async (_what, where, work) => {
    expect(await routesOf(() => work(routed))).toEqual([where]);
  });

  test('a function that writes, without being told: to a replica once, and to the primary from then on', async () => {
    const visit = (): Promise<unknown> => routed.sequelize.query('SELECT note_visit()', select);
    expect(await routesOf(visit)).toEqual(['replica read', 'primary primary-asked']);
    expect(await routesOf(visit)).toEqual(['primary primary-asked']);
  });

  test('a statement that is wrong: to one node, once', async () => {
    const wrong = routed.sequelize.query('SELECT nothing FROM nowhere', select);
    expect(await routesOf(() => wrong.catch(() => undefined))).toHaveLength(1);
    await expect(wrong).rejects.toThrow('nowhere');
  });
});

describe('reads are spread', () => {
  test('over all replicas even when they come one after the other', async () => {
    const { servedBy } = await open();
    // A node that was slow once is left alone for a few seconds.
    await vi.waitFor(
      async () => {
        const ports: number[] = [];
        for (let read = 0; read < 200; read += 1) ports.push(await servedBy());
        for (const { port } of servers.replicas)
          expect(ports.filter((each) => each === port).length).toBeGreaterThan(20);
        expect(ports).not.toContain(servers.primary.port);
      },
      { timeout: 30_000 },
    );
  });

  test('over the primary as well where it is included', async () => {
    const { servedBy } = await open({ policy: { includePrimary: 1 } });
    const ports = new Set<number>();
    for (let read = 0; read < 200; read += 1) ports.add(await servedBy());
    expect(ports).toEqual(new Set([servers.primary.port, ...servers.replicas.map(({ port }) => port)]));
  });

  test('with no question to any server beside the read itself', async () => {
    const { sequelize } = await open({ policy: { probeIntervalMs: 60_000 } });
    await sequelize.query('SELECT 1', select);
    const statements = async (): Promise<number> => {
      const counts = await Promise.all(
        [servers.primary, ...servers.replicas].map((server) =>
          server.query<{ n: number }>(
            `SELECT sum(xact_commit)::int AS n FROM pg_stat_database WHERE datname = 'postgres'`,
          ),
        ),
      );
      return counts.reduce((sum, [row]) => sum + (row?.n ?? 0), 0);
    };
    const before = await statements();
    for (let read = 0; read < 200; read += 1) await sequelize.query('SELECT 1', select);
    // The questions of this test, and what servers do on their own; a backend reports once a second at most.
    await delay(1_500);
    await sequelize.query('SELECT 1', select);
    expect((await statements()) - before).toBeLessThan(240);
  });
});

describe('no read fails', () => {
  test('when a replica refuses new connections, though it answers on those it has', async () => {
    const [first, ...others] = servers.replicas;
    if (first === undefined) throw new Error('expected a replica');
    await using gate = await startGate(first);
    const routed = await startRouted(
      { primary: servers.primary, replicas: [{ ...first, port: gate.port }, ...others] },
      { pool: { maxUses: 5 } },
    );
    opened.push(routed);
    await routed.servedBy();
    // The probe has its own: it takes the node for a healthy one.
    gate.shut();
    const results = await Promise.allSettled(Array.from({ length: 320 }, () => routed.servedBy()));
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(routed.retries).toContain('replica1 not-sent');
  });

  test('when a replica drops connections after their handshake, and the process lives', async () => {
    const [first] = servers.replicas;
    if (first === undefined) throw new Error('expected a replica');
    await using dropper = await startHandshakeDropper(first, 'SET ');
    const routed = await startRouted({
      primary: servers.primary,
      replicas: [{ ...first, port: dropper.port }, ...servers.replicas.slice(1)],
    });
    opened.push(routed);
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => routed.servedBy()));
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(dropper.accepted()).toBeGreaterThan(0);
  });

  test.each([
    ['dies', (routed: Routed) => routed.links[1]?.refuse()],
    ['becomes a black hole', async (routed: Routed) => routed.links[1]?.stall()],
  ])('while a replica %s under load, which comes back by itself', async (_what, breakIt) => {
    const routed = await open({ policy: { silenceMs: 300, probeIntervalMs: 50 } });
    const [, healthyPort] = servers.replicas.map(({ port }) => port);
    const reading = keepReading(8, () => routed.servedBy());
    await vi.waitFor(() => expect(routed.routes.length).toBeGreaterThan(200), { timeout: 10_000 });
    await breakIt(routed);
    await vi.waitFor(() => expect(routed.states).toContain('replica1 open'), { timeout: 10_000 });
    for (let read = 0; read < 50; read += 1) expect(await routed.servedBy()).toBe(healthyPort);
    await routed.links[1]?.restore();
    await vi.waitFor(() => expect(routed.states.at(-1)).toBe('replica1 healthy'), { timeout: 20_000 });
    const { failures, reads } = await reading.stop();
    expect(failures).toEqual([]);
    expect(reads).toBeGreaterThan(300);
  });

  test('while a replica becomes a black hole between two probes: what it owes tells', async () => {
    const routed = await open({ policy: { silenceMs: 300, probeIntervalMs: 3_600_000 } });
    const reading = keepReading(4, () => routed.servedBy());
    await vi.waitFor(() => expect(routed.routes.length).toBeGreaterThan(100), { timeout: 10_000 });
    routed.links[1]?.stall();
    await vi.waitFor(() => expect(routed.states).toContain('replica1 open'), { timeout: 10_000 });
    const { failures } = await reading.stop();
    expect(failures).toEqual([]);
  });

  test('while a black hole holds connections: it starves nobody', async () => {
    const routed = await open({ pool: { max: 2, acquire: 5_000 }, policy: { silenceMs: 200 } });
    await Promise.all([routed.servedBy(), routed.servedBy(), routed.servedBy(), routed.servedBy()]);
    routed.links[1]?.stall();
    for (let burst = 0; burst < 6; burst += 1) {
      const results = await Promise.allSettled([routed.servedBy(), routed.servedBy()]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    }
  });
});

describe('without the primary', () => {
  test('the first read of all is served, and authenticate() finds nothing wrong: it asks a replica', async () => {
    // Nobody has told which version of PostgreSQL it is: Sequelize would ask the primary first.
    const routed = await open({ policy: { primaryWaitMs: 100 } });
    await routed.links[0].refuse();
    expect(servers.replicas.map(({ port }) => port)).toContain(await routed.servedBy());
    await routed.sequelize.authenticate();
    expect(routed.routes.at(-1)).toMatch(/^replica\d stale$/);
    expect(routed.sequelize).toMatchObject({
      options: { databaseVersion: expect.stringMatching(/^\d+\./) },
    });
    await expect(routed.sequelize.authenticate({ useMaster: true } as object)).rejects.toThrow();
  });
});

describe('without any replica', () => {
  test('reads go to the primary, as many at once as allowed, and the others are told to come again', async () => {
    const policy = {
      fallback: { concurrent: 2, writeSlowdown: Number.POSITIVE_INFINITY },
      classes: { default: { waitMs: 50 } },
    };
    const routed = await open({ policy, pool: { max: 10 } });
    await routed.servedBy();
    for (const link of routed.links.slice(1)) await link.refuse();
    await vi.waitFor(async () => expect(await routed.servedBy()).toBe(servers.primary.port), {
      timeout: 10_000,
    });
    const slow = () => routed.sequelize.query('SELECT pg_sleep(0.4)', select);
    const results = await Promise.allSettled(Array.from({ length: 8 }, slow));
    const rejected = results.filter((result) => result.status === 'rejected');
    expect(rejected).toHaveLength(6);
    expect(rejected[0]?.reason).toMatchObject({
      name: 'ReadRejectedError',
      unmet: 'no-replica',
      message: 'no replica answers, and the primary has no place for more reads',
    });
    // All places were given back.
    expect(await routed.servedBy()).toBe(servers.primary.port);
  });

  test('reads give way while its writes take longer than they did, and come back when they do not', async () => {
    const routed = await open({ policy: { classes: { default: { waitMs: 20 } } }, pool: { max: 10 } });
    const { allowance } = routed.router;
    const until = async (writeSeconds: number, isReached: () => boolean): Promise<void> => {
      await vi.waitFor(
        async () => {
          // Without a type it is taken for a write.
          const write = routed.sequelize.query(`SELECT pg_sleep(${writeSeconds})`);
          await Promise.allSettled([write, ...Array.from({ length: 4 }, () => routed.servedBy())]);
          expect(isReached()).toBe(true);
        },
        { timeout: 30_000, interval: 0 },
      );
    };
    // What is usual.
    for (let write = 0; write < 100; write += 1) {
      await routed.sequelize.query('SELECT pg_sleep(0.005)');
    }
    for (const link of routed.links.slice(1)) await link.refuse();
    await until(0.005, () => allowance.average > 0.5);
    await until(0.05, () => allowance.average < 0.2);
    await until(0.005, () => allowance.average > 0.5);
  });

  test('of a primary that never had any, reads are not limited', async () => {
    const routed = await startRouted(
      { primary: servers.primary, replicas: [] },
      { policy: { fallback: { concurrent: 1 }, classes: { default: { waitMs: 0 } } }, pool: { max: 10 } },
    );
    opened.push(routed);
    const slow = () => routed.sequelize.query('SELECT pg_sleep(0.1)', select);
    await Promise.all(Array.from({ length: 8 }, slow));
    expect(new Set(routed.routes)).toEqual(new Set(['primary read']));
  });
});

describe('closing', () => {
  test.each([
    ['dead', (routed: Routed) => routed.links[1]?.refuse()],
    ['silent', async (routed: Routed) => routed.links[1]?.stall()],
  ])('ends although a replica is %s', async (_what, breakIt) => {
    const routed = await open({ policy: { silenceMs: 200 } });
    await Promise.all(Array.from({ length: 8 }, () => routed.servedBy()));
    await breakIt(routed);
    await routed.sequelize.close();
    await expect(routed.servedBy()).rejects.toThrow();
  });
});

describe('a connection is not lost', () => {
  test('to a hook that throws', async () => {
    const routed = await open({ pool: { max: 1, acquire: 500 } });
    let throwing = true;
    routed.sequelize.addHook('afterPoolAcquire', () => {
      if (throwing) throw new Error('hook');
    });
    for (let read = 0; read < 4; read += 1) await expect(routed.servedBy()).rejects.toThrow('hook');
    throwing = false;
    await expect(routed.servedBy()).resolves.toBeGreaterThan(0);
  });

  test('to a statement that was given up: the next one does not wait behind it', async () => {
    const routed = await open({ pool: { max: 1 }, dialectOptions: { query_timeout: 100 } });
    const given = routed.sequelize.query('SELECT pg_sleep(60)', { ...select, useMaster: true });
    await expect(given).rejects.toThrow('Query read timeout');
    await expect(routed.servedBy({ useMaster: true })).resolves.toBe(servers.primary.port);
    const [still] = await servers.primary.query<{ running: number }>(
      `SELECT count(pg_terminate_backend(pid))::int AS running FROM pg_stat_activity
        WHERE query LIKE 'SELECT pg_sleep(60)%' AND state = 'active'`,
    );
    expect(still?.running).toBe(1);
  });
});
