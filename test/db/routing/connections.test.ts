/** Who gets a connection, to which node, and that none is lost. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { QueryTypes, Sequelize } from 'sequelize';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { inSession, newSession } from '../../../src/db/routing/index.ts';
import { type PostgresNode, type ReplicatedPostgres, startReplicated } from '../../support/postgres.ts';
import { type Routed, type RoutedOptions, startRouted } from './routed.ts';
import { type Gate, startGate } from './servers.ts';

let servers: ReplicatedPostgres;
let undo: AsyncDisposableStack;

beforeAll(async () => {
  servers = await startReplicated(2);
  await servers.primary.query('CREATE TABLE notes (id int PRIMARY KEY, version int NOT NULL)');
  await servers.primary.query('INSERT INTO notes VALUES (1, 0)');
  await servers.caughtUp();
  undo = new AsyncDisposableStack();
});
afterAll(() => servers[Symbol.asyncDispose]());
afterEach(async () => {
  vi.restoreAllMocks();
  for (const replica of servers.replicas) await replica.query('SELECT pg_wal_replay_resume()');
  await undo.disposeAsync();
  undo = new AsyncDisposableStack();
  await servers.caughtUp();
});

/** Has been asked once. */
async function open(options: RoutedOptions = {}, replicas = servers.replicas): Promise<Routed> {
  const routed = undo.use(await startRouted({ primary: servers.primary, replicas }, options));
  await routed.servedBy();
  return routed;
}

/** Its first replica has a gate that is open. */
async function openGated(options: RoutedOptions): Promise<readonly [Routed, Gate]> {
  const [first, ...others] = servers.replicas;
  if (first === undefined) throw new Error('expected a replica');
  const gate = undo.use(await startGate(first));
  return [await open(options, [{ ...first, port: gate.port }, ...others]), gate];
}

const select = { type: QueryTypes.SELECT } as const;

const increment = ({ sequelize }: Routed, options: object = {}) =>
  sequelize.query('UPDATE notes SET version = version + 1 WHERE id = 1', options);

async function read({ sequelize }: Routed, options: object = {}): Promise<number> {
  const [row] = await sequelize.query<{ version: number }>('SELECT version FROM notes WHERE id = 1', {
    ...options,
    ...select,
  });
  return row?.version ?? -1;
}

/** What the primary has. */
async function current(): Promise<number> {
  const [row] = await servers.primary.query<{ version: number }>('SELECT version FROM notes WHERE id = 1');
  return row?.version ?? -1;
}

const hold = (replica: PostgresNode) => replica.query('SELECT pg_wal_replay_pause()');
const go = (replica: PostgresNode) => replica.query('SELECT pg_wal_replay_resume()');

describe('a hook that throws', () => {
  test.each(['afterPoolAcquire', 'beforeQuery', 'afterQuery'] as const)(
    '%s: no connection is lost to it',
    async (name) => {
      // Sequelize tells of transactions that it cannot roll back.
      vi.spyOn(console, 'warn').mockReturnValue();
      const routed = await open({ pool: { max: 2, acquire: 2_000 } });
      const { sequelize } = routed;
      let throwing = true;
      sequelize.addHook(name, () => {
        if (throwing) throw new Error('a hook');
      });
      const ways = [
        () => read(routed),
        () => read(routed, { useMaster: true }),
        () => increment(routed),
        () => sequelize.transaction((transaction) => read(routed, { transaction })),
        () => sequelize.transaction({ readOnly: true }, (transaction) => read(routed, { transaction })),
      ];
      for (const way of ways) {
        for (let turn = 0; turn < 6; turn += 1) await expect(way()).rejects.toThrow('a hook');
      }
      throwing = false;
      for (const way of ways) await Promise.all([way(), way(), way(), way()]);
      expect(routed.router.cluster.nodes.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0]);
    },
  );

  test.each<
    readonly [what: string, isMeant: (sql: string) => boolean, write: (routed: Routed) => Promise<unknown>]
  >([
    ['a write', (sql) => sql.startsWith('UPDATE'), (routed) => increment(routed)],
    [
      'a commit',
      (sql) => sql.startsWith('COMMIT'),
      (routed) => routed.sequelize.transaction((transaction) => increment(routed, { transaction })),
    ],
  ])('after %s that was done does not make its session forget it', async (_what, isMeant, write) => {
    vi.spyOn(console, 'warn').mockReturnValue();
    const routed = await open();
    routed.sequelize.addHook('afterQuery', (_options: unknown, query: unknown) => {
      const { sql = '' } = query as { readonly sql?: string };
      if (isMeant(sql)) throw new Error('a hook');
    });
    await Promise.all(servers.replicas.map(hold));
    const before = await current();
    await inSession(newSession(), async () => {
      await expect(write(routed)).rejects.toThrow('a hook');
      expect(await current()).toBe(before + 1);
      expect(await read(routed)).toBe(before + 1);
    });
  });
});

describe('the primary serves reads', () => {
  test('for which a hook says so', async () => {
    const routed = await open();
    routed.sequelize.addHook('beforePoolAcquire', (options: unknown) => {
      (options as { useMaster: boolean }).useMaster = true;
    });
    routed.routes.length = 0;
    expect(await routed.servedBy()).toBe(servers.primary.port);
    const inTransaction = routed.sequelize.transaction({ readOnly: true }, (transaction) =>
      routed.servedBy({ transaction }),
    );
    expect(await inTransaction).toBe(servers.primary.port);
    expect(routed.routes).toEqual(['primary primary-asked', 'primary primary-asked']);
  });

  test('for which the options of the instance say so, but for those that say otherwise', async () => {
    const routed = await open({ more: { query: { useMaster: true } } as object });
    expect(await routed.servedBy()).toBe(servers.primary.port);
    expect(new Set(routed.routes)).toEqual(new Set(['primary primary-asked']));
    expect(servers.replicas.map(({ port }) => port)).toContain(await routed.servedBy({ useMaster: false }));
  });

  test.each<readonly [who: string, options: RoutedOptions, query: object]>([
    ['the read', {}, { useMaster: true }],
    ['the instance', { more: { query: { useMaster: true } } as object }, {}],
  ])('once it is back, if %s asks for it', async (_who, options, query) => {
    const routed = await open({ ...options, policy: { primaryWaitMs: 30_000 } });
    await routed.links[0].refuse();
    // What breaks under a read on the primary is not asked again: it may be a function that writes.
    await vi.waitFor(() => expect(routed.router.cluster.primary?.pool.size).toBe(0));
    routed.routes.length = 0;
    const serving = routed.servedBy(query);
    await vi.waitFor(() => expect(routed.routes.length).toBeGreaterThan(3), { timeout: 10_000 });
    await routed.links[0].restore();
    expect(await serving).toBe(servers.primary.port);
    expect(new Set(routed.routes)).toEqual(new Set(['primary primary-asked']));
  });
});

describe('a transaction', () => {
  test('that cannot connect to the primary asks again', async () => {
    const routed = await open({ policy: { primaryWaitMs: 30_000 } });
    await routed.links[0].refuse();
    const serving = routed.sequelize.transaction((transaction) => routed.servedBy({ transaction }));
    const asked = () => routed.routes.filter((route) => route === 'primary write').length;
    await vi.waitFor(() => expect(asked()).toBeGreaterThan(1), { timeout: 10_000 });
    await routed.links[0].restore();
    expect(await serving).toBe(servers.primary.port);
  });

  test('that is read-only and cannot connect to a replica asks another one', async () => {
    const [routed, gate] = await openGated({ pool: { maxUses: 1 } });
    gate.shut();
    const ask = () =>
      routed.sequelize.transaction({ readOnly: true }, (transaction) => routed.servedBy({ transaction }));
    routed.routes.length = 0;
    for (let round = 0; round < 10; round += 1) {
      const results = await Promise.allSettled([ask(), ask(), ask(), ask()]);
      expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    }
    expect(routed.routes.length).toBeGreaterThan(40);
    expect(routed.routes).toContain('replica1 read');
  });

  test('of a namespace has every query that runs inside it', async () => {
    const storage = new AsyncLocalStorage<Map<string, unknown>>();
    const namespace = {
      get: (key: string) => storage.getStore()?.get(key),
      set: (key: string, value: unknown) => storage.getStore()?.set(key, value),
      run: (work: () => unknown) => storage.run(new Map(), work),
      bind: (work: unknown) => work,
    };
    Sequelize.useCLS(namespace);
    undo.defer(() => {
      delete (Sequelize as { _cls?: unknown })._cls;
    });
    const routed = await open();
    await Promise.all(servers.replicas.map(hold));
    const before = await current();
    const session = newSession();
    routed.routes.length = 0;
    await inSession(session, async () => {
      await routed.sequelize.transaction(async () => {
        await increment(routed);
        // Nobody else can know of it.
        expect(await current()).toBe(before);
        expect(session).toMatchObject({ written: null, writing: null });
        expect(await read(routed)).toBe(before + 1);
        expect(await read(routed, { transaction: null })).toBe(before);
      });
      expect(await read(routed)).toBe(before + 1);
    });
    expect(routed.routes).toEqual([
      'primary write',
      expect.stringMatching(/^replica\d read$/),
      'primary primary-floor',
    ]);
  });
});

describe('a query', () => {
  test('that Sequelize asks again by itself is still what it was', async () => {
    const routed = await open({
      policy: { probeIntervalMs: 10, classes: { live: { maxLagMs: 20, waitMs: 0 } } },
    });
    await Promise.all(servers.replicas.map(hold));
    await increment(routed);
    await vi.waitFor(() => {
      for (const { lagMs } of routed.router.cluster.nodes.slice(1)) expect(lagMs).toBeGreaterThan(20);
    });
    routed.routes.length = 0;
    const retry = { max: 2, match: [/division/], backoffBase: 1 };
    const asked = routed.sequelize.query('SELECT 1 / 0', { ...select, readClass: 'live', retry });
    await expect(asked).rejects.toThrow('division');
    expect(routed.routes).toEqual(['primary primary-lag', 'primary primary-lag']);
  });

  test('of which Sequelize did not give the connection back, before it asked again, keeps nothing', async () => {
    const routed = await open({ pool: { max: 1, acquire: 2_000 } });
    let throws = true;
    routed.sequelize.addHook('afterQuery', () => {
      if (!throws) return;
      throws = false;
      throw new Error('of the hook');
    });
    await routed.sequelize.query('SELECT 1', {
      ...select,
      retry: { max: 2, match: [/of the hook/], backoffBase: 1 },
    });
    await routed.servedBy();
    expect(routed.router.cluster.nodes.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0]);
  });

  test('that Sequelize gives up while it runs takes nothing from the next', async () => {
    const [replica] = servers.replicas;
    const routed = await open({ pool: { max: 1, acquire: 5_000 } }, replica === undefined ? [] : [replica]);
    const sleep = (seconds: number, options: object = {}) =>
      routed.sequelize.query(`SELECT pg_sleep(${seconds})`, { ...select, ...options });
    await expect(sleep(0.3, { retry: { max: 1, timeout: 50 } })).rejects.toThrow('timed out');
    const next = sleep(1.5);
    // By then Sequelize has given the first one's connection back.
    await delay(700);
    expect(routed.router.cluster.nodes.map(({ inFlight }) => inFlight)).toEqual([0, 1]);
    await next;
  });

  test('tells how long it waited for its connection', async () => {
    const acquired = vi.fn<(node: string, waitMs: number) => void>();
    const routed = await open({ more: { observer: { acquired } } }, []);
    await routed.servedBy();
    expect(acquired.mock.calls).toEqual([
      ['primary', expect.any(Number)],
      ['primary', 0],
    ]);
    expect(acquired.mock.calls[0]?.[1]).toBeGreaterThan(0);
    await routed.links[0].refuse();
    await vi.waitFor(() => expect(routed.router.cluster.primary?.pool.size).toBe(0));
    await expect(routed.servedBy()).rejects.toThrow();
    expect(acquired).toHaveBeenCalledTimes(2);
  });

  test('that writes is asked again for as long as it may be from its first failure on, however late that was', async () => {
    const routed = await open({
      policy: { primaryWaitMs: 200 },
      dialectOptions: { connectionTimeoutMillis: 400 },
    });
    routed.routes.length = 0;
    routed.links[0].stall();
    const writing = increment(routed);
    await vi.waitFor(() => expect(routed.routes).toEqual(['primary write', 'primary write']), {
      interval: 5,
    });
    await routed.links[0].restore();
    await writing;
  });

  test('does not lend its way to a transaction that a hook begins meanwhile', async () => {
    const routed = await open();
    routed.routes.length = 0;
    const begun: Promise<void>[] = [];
    let isFirst = true;
    routed.sequelize.addHook('beforePoolAcquire', () => {
      if (!isFirst) return;
      isFirst = false;
      begun.push(routed.sequelize.transaction(async () => undefined));
    });
    await routed.servedBy();
    await Promise.all(begun);
    expect(routed.routes.sort()).toEqual(['primary write', expect.stringMatching(/^replica\d read$/)]);
  });
});

describe('a read of the only node', () => {
  test.each([
    ['is served when it lets connect in time', 10_000],
    ['is told why it is not, when it does not', 100],
  ])('%s', async (_what, waitMs) => {
    const routed = await open({ policy: { classes: { default: { waitMs } } } }, []);
    await routed.links[0].refuse();
    await vi.waitFor(() => expect(routed.router.cluster.primary?.pool.size).toBe(0));
    routed.routes.length = 0;
    const serving = routed.servedBy().catch(({ name }: Error) => name);
    await vi.waitFor(() => expect(routed.routes.length).toBeGreaterThan(2));
    if (waitMs > 100) await routed.links[0].restore();
    expect(await serving).toBe(waitMs > 100 ? servers.primary.port : 'SequelizeConnectionRefusedError');
  });
});

describe('no read starves', () => {
  test('while a replica lets nobody connect who has no patience of his own', async () => {
    const [routed, gate] = await openGated({
      pool: { max: 2, acquire: 8_000, maxUses: 1 },
      more: { dialectOptions: {} },
    });
    gate.mute();
    routed.routes.length = 0;
    for (let burst = 0; burst < 5; burst += 1) {
      const results = await Promise.allSettled([routed.servedBy(), routed.servedBy()]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    }
    expect(routed.routes).toContain('replica1 read');
  });

  test('after connections were cut under them, more than there may be', async () => {
    const routed = await open({ pool: { max: 2, acquire: 2_000 } });
    const replicas = routed.router.cluster.nodes.slice(1);
    for (let turn = 0; turn < 3; turn += 1) {
      const slow = () => routed.sequelize.query('SELECT pg_sleep(60)', select);
      const cut = Promise.allSettled([slow(), slow()]);
      await vi.waitFor(() => {
        const using = replicas.map((node) => node.pool.using);
        expect(using.reduce((sum, each) => sum + each, 0)).toBe(2);
      });
      // With nobody left to ask them again.
      await Promise.all(routed.links.map((link) => link.refuse()));
      for (const { status } of await cut) expect(status).toBe('rejected');
      await Promise.all(routed.links.map((link) => link.restore()));
      await vi.waitFor(
        async () => {
          await routed.servedBy();
          for (const { health } of replicas) expect(health.state).toBe('healthy');
        },
        { timeout: 20_000 },
      );
    }
    expect(replicas.map(({ inFlight }) => inFlight)).toEqual([0, 0]);
  });
});

describe('of all nodes together', () => {
  test('no more reads run at once than one may have, and all of them do in the end', async () => {
    const routed = await open({ pool: { max: 3 } });
    const running = { now: 0, most: 0 };
    routed.sequelize.addHook('afterPoolAcquire', () => {
      running.now += 1;
      running.most = Math.max(running.most, running.now);
    });
    routed.sequelize.addHook('afterQuery', () => {
      running.now -= 1;
    });
    const slow = () => routed.sequelize.query('SELECT pg_sleep(0.02)', select);
    await Promise.all(Array.from({ length: 30 }, slow));
    expect(running).toEqual({ now: 0, most: 3 });
    expect(new Set(routed.routes)).toEqual(new Set(['replica1 read', 'replica2 read']));
  });

  test('reads and writes share them where there is one node, as in Sequelize', async () => {
    const routed = await open({ pool: { max: 1, acquire: 300 } }, []);
    const transaction = await routed.sequelize.transaction();
    await expect(routed.servedBy()).rejects.toThrow('no connection became free within 300 ms');
    await transaction.rollback();
    await routed.servedBy();
  });

  test('a read that waits for what its session wrote keeps nobody waiting', async () => {
    const anyFreshness = { maxLagMs: 1e9, maxLagBytes: 1e15 };
    const routed = await open({
      pool: { max: 1, acquire: 5_000 },
      policy: { classes: { default: { ...anyFreshness, waitMs: 60_000 } } },
    });
    await Promise.all(servers.replicas.map(hold));
    const session = newSession();
    await inSession(session, () => increment(routed));
    await session.writing;
    const before = (await current()) - 1;
    const served = vi.fn<(version: number) => void>();
    const waiting = inSession(session, () => read(routed)).then(served);
    for (let turn = 0; turn < 10; turn += 1) expect(await read(routed)).toBe(before);
    expect(served).not.toHaveBeenCalled();
    await Promise.all(servers.replicas.map(go));
    await waiting;
    expect(served).toHaveBeenCalledWith(before + 1);
    expect(routed.routes.at(-1)).toMatch(/^replica\d read$/);
  });
});
