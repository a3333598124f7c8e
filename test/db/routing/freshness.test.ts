import { setTimeout as delay } from 'node:timers/promises';
import { QueryTypes, Sequelize } from 'sequelize';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTokenCodec, inSession, newSession, type Session } from '../../../src/db/routing/index.ts';
import { type PostgresNode, type ReplicatedPostgres, startReplicated } from '../../support/postgres.ts';
import { type Routed, type RoutedOptions, startRouted } from './routed.ts';

let servers: ReplicatedPostgres;
let replica1: PostgresNode;
let replica2: PostgresNode;
let opened: Routed[] = [];

beforeAll(async () => {
  servers = await startReplicated(2);
  const [first, second] = servers.replicas;
  if (first === undefined || second === undefined) throw new Error('expected two replicas');
  [replica1, replica2] = [first, second];
  await servers.primary.query('CREATE TABLE notes (id int PRIMARY KEY, version int NOT NULL)');
  await servers.primary.query('INSERT INTO notes VALUES (1, 0)');
  await servers.caughtUp();
});
afterAll(() => servers[Symbol.asyncDispose]());
afterEach(async () => {
  for (const replica of servers.replicas) await replica.query('SELECT pg_wal_replay_resume()');
  for (const one of opened) await one[Symbol.asyncDispose]();
  opened = [];
  await servers.caughtUp();
});

const hold = (replica: PostgresNode) => replica.query('SELECT pg_wal_replay_pause()');
const go = (replica: PostgresNode) => replica.query('SELECT pg_wal_replay_resume()');

const anyFreshness = { maxLagMs: 1e9, maxLagBytes: 1e15 };

async function open(options: RoutedOptions = {}): Promise<Routed> {
  const routed = await startRouted(servers, {
    ...options,
    policy: { probeIntervalMs: 20, classes: { default: { ...anyFreshness, waitMs: 50 } }, ...options.policy },
  });
  opened.push(routed);
  return routed;
}

const write = ({ sequelize }: Routed) =>
  sequelize.query('UPDATE notes SET version = version + 1 WHERE id = 1');

async function read({ sequelize }: Routed): Promise<number> {
  const [row] = await sequelize.query<{ version: number }>('SELECT version FROM notes WHERE id = 1', {
    type: QueryTypes.SELECT,
  });
  return row?.version ?? -1;
}

/** What the primary has. */
async function current(): Promise<number> {
  const [row] = await servers.primary.query<{ version: number }>('SELECT version FROM notes WHERE id = 1');
  return row?.version ?? -1;
}

describe('a session reads its own writes', () => {
  test('from the primary while no replica has them, and from replicas as soon as one has', async () => {
    const routed = await open();
    await Promise.all([hold(replica1), hold(replica2)]);
    await inSession(newSession(), async () => {
      await write(routed);
      const written = await current();
      expect(await read(routed)).toBe(written);
      expect(routed.routes.at(-1)).toBe('primary primary-floor');
      await go(replica2);
      await vi.waitFor(async () => {
        expect(await read(routed)).toBe(written);
        expect(routed.routes.at(-1)).toBe('replica2 read');
      });
    });
    // Whoever did not write takes what there is.
    await write(routed);
    routed.routes.length = 0;
    await inSession(newSession(), () => read(routed));
    expect(routed.routes).toEqual([expect.stringMatching(/^replica\d read$/)]);
  });

  test('by waiting, where a replica is about to have them', async () => {
    const routed = await open({ policy: { classes: { default: { ...anyFreshness, waitMs: 5_000 } } } });
    await read(routed);
    await Promise.all([hold(replica1), hold(replica2)]);
    await inSession(newSession(), async () => {
      await write(routed);
      const reading = read(routed);
      await delay(50);
      await go(replica1);
      expect(await reading).toBe(await current());
      expect(routed.routes.at(-1)).toBe('replica1 read');
    });
  });

  test('from the primary in their turn, having waited for a replica in vain', async () => {
    const policy = { fallback: { concurrent: 1, perSecond: 1_000 } };
    const routed = await open({
      policy: { ...policy, classes: { default: { ...anyFreshness, waitMs: 10_000 } } },
    });
    await read(routed);
    await Promise.all([hold(replica1), hold(replica2)]);
    await inSession(newSession(), async () => {
      await write(routed);
      const slow = 'SELECT version, pg_sleep(0.3) FROM notes WHERE id = 1';
      const reads = [1, 2, 3].map(() => routed.sequelize.query(slow, { type: QueryTypes.SELECT }));
      await Promise.all(reads);
      expect(routed.routes.slice(-3)).toEqual(Array(3).fill('primary primary-floor'));
    });
  });

  test('that failed after they were sent, though something around `query` hides when that was', async () => {
    const asked = Sequelize.prototype.query;
    const around = async function (this: Sequelize, ...given: readonly unknown[]): Promise<unknown> {
      await delay(1);
      const answer: unknown = await Reflect.apply(asked, this, given);
      if (String(given[0]).startsWith('UPDATE')) throw new Error('its answer was lost');
      return answer;
    };
    vi.spyOn(Sequelize.prototype, 'query').mockImplementation(around as typeof asked);
    try {
      const routed = await open();
      await Promise.all([hold(replica1), hold(replica2)]);
      await inSession(newSession(), async () => {
        await expect(write(routed)).rejects.toThrow('its answer was lost');
        expect(await read(routed)).toBe(await current());
      });
    } finally {
      vi.restoreAllMocks();
    }
  });

  test('that a transaction has committed, and not before it has', async () => {
    const routed = await open();
    await Promise.all([hold(replica1), hold(replica2)]);
    const session = newSession();
    await inSession(session, async () => {
      await routed.sequelize.transaction(async (transaction) => {
        await routed.sequelize.query('UPDATE notes SET version = version + 1 WHERE id = 1', { transaction });
        expect(session).toMatchObject({ written: null, writing: null });
      });
      expect(await read(routed)).toBe(await current());
    });
  });

  test('in a read-only transaction that follows at once', async () => {
    const routed = await open();
    await read(routed);
    await Promise.all([hold(replica1), hold(replica2)]);
    await inSession(newSession(), async () => {
      await write(routed);
      const [row] = await routed.sequelize.transaction({ readOnly: true }, (transaction) =>
        routed.sequelize.query<{ version: number }>('SELECT version FROM notes WHERE id = 1', {
          type: QueryTypes.SELECT,
          transaction,
        }),
      );
      expect(row?.version).toBe(await current());
    });
  });

  test('that did not wait for the disk', async () => {
    const routed = await open();
    await Promise.all([hold(replica1), hold(replica2)]);
    await inSession(newSession(), async () => {
      await routed.sequelize.transaction(async (transaction) => {
        await routed.sequelize.query('SET LOCAL synchronous_commit = off', { transaction });
        await routed.sequelize.query('UPDATE notes SET version = version + 1 WHERE id = 1', { transaction });
      });
      expect(await read(routed)).toBe(await current());
    });
  });

  test('whatever the position that a commit ends at: a replica reaches it without another write', async () => {
    const routed = await open();
    await read(routed);
    const [, ...replicas] = routed.router.cluster.nodes;
    // About one commit in 150 ends where a page does, and the insert position is behind a header. What servers write by
    // themselves would hide one that nobody reaches, but not every time.
    for (let pageEnds = 0; pageEnds < 3; ) {
      const session = newSession();
      await inSession(session, () => write(routed));
      await session.writing;
      const { lsn } = session.written ?? { lsn: Number.NaN };
      expect(lsn).toBeGreaterThan(0);
      if (![0, 24, 40].includes(lsn % 8_192)) continue;
      pageEnds += 1;
      await vi.waitFor(
        () => {
          for (const { place } of replicas) expect(place?.lsn).toBeGreaterThanOrEqual(lsn);
        },
        { timeout: 5_000, interval: 2 },
      );
    }
  }, 120_000);

  test('by a position of after its commit: one of before is reached by replicas that lack it', async () => {
    const routed = await open();
    const session = newSession();
    await inSession(session, async () => {
      const transaction = await routed.sequelize.transaction();
      await routed.sequelize.query('UPDATE notes SET version = version + 1 WHERE id = 1', { transaction });
      const before = await routed.router.positionNow();
      // The log is sent with the next commit, whoever's it is.
      await servers.primary.query('SELECT pg_logical_emit_message(true, $$$$, $$$$)');
      await servers.caughtUp();
      const [, ...replicas] = routed.router.cluster.nodes;
      await vi.waitFor(() => {
        for (const { place } of replicas) expect(place?.lsn).toBeGreaterThan(before.lsn);
      });
      await Promise.all([hold(replica1), hold(replica2)]);
      await transaction.commit();
      await session.writing;
    });
    // Of its position alone: what the transaction has read would be asked for as well.
    await inSession({ ...newSession(), written: session.written }, async () => {
      expect(await read(routed)).toBe(await current());
      expect(routed.routes.at(-1)).toBe('primary primary-floor');
    });
  });
});

describe('a session never goes back', () => {
  test('to a node that lacks what it saw on another', async () => {
    const routed = await open();
    const session = newSession();
    await inSession(session, async () => {
      await hold(replica2);
      await write(routed);
      const latest = await current();
      session.written = null;
      await session.writing;
      session.written = null;
      // Until one of the reads happens to be served by the replica that has it.
      await vi.waitFor(async () => expect(await read(routed)).toBe(latest), { timeout: 10_000 });
      for (let again = 0; again < 50; again += 1) expect(await read(routed)).toBe(latest);
      expect(routed.routes.slice(-50)).not.toContain('replica2 read');
    });
  });

  test('after reads at once on several nodes, and needs no primary for that', async () => {
    const routed = await open({ policy: { classes: { default: { ...anyFreshness, waitMs: 5_000 } } } });
    await read(routed);
    await inSession(newSession(), async () => {
      for (let turn = 0; turn < 20; turn += 1) {
        await Promise.all([read(routed), read(routed), read(routed)]);
        routed.routes.length = 0;
        await read(routed);
        expect(routed.routes).toEqual([expect.stringMatching(/^replica\d read$/)]);
      }
    });
  });

  test('while without a session it does', async () => {
    const routed = await open();
    await hold(replica2);
    await write(routed);
    const latest = await current();
    const seen = new Set<number>();
    await vi.waitFor(async () => {
      seen.add(await read(routed));
      expect(seen).toEqual(new Set([latest, latest - 1]));
    });
  });

  test('not even from one instance of the application to the next, by its token', async () => {
    const [here, there] = [await open(), await open()];
    const codec = createTokenCodec('sixteen characters at least');
    const carried = async (from: Routed, session: Session): Promise<Session> => {
      const token = codec.encode(session, from.router.cluster.track);
      return (token === null ? null : codec.decode(token)) ?? newSession();
    };
    await Promise.all([read(here), read(there)]);
    await hold(replica2);
    await write(here);
    const latest = await current();
    // It has written nothing: all that counts is what it was shown.
    let session = newSession();
    await vi.waitFor(async () => expect(await inSession(session, () => read(here))).toBe(latest), {
      timeout: 10_000,
    });
    for (let turn = 0; turn < 40; turn += 1) {
      const routed = turn % 2 === 0 ? there : here;
      session = await carried(turn % 2 === 0 ? here : there, session);
      expect(session).toMatchObject({ written: null, seen: { timeline: 1 } });
      expect(await inSession(session, () => read(routed))).toBe(latest);
    }
    // Whoever was shown nothing meets the old state on both.
    for (const routed of [here, there])
      await vi.waitFor(async () => expect(await read(routed)).toBe(latest - 1), { timeout: 10_000 });
  });
});

describe('the lag of replicas', () => {
  test('bounds the reads of a class, and no others', async () => {
    const classes = { default: anyFreshness, live: { maxLagMs: 200, waitMs: 0 } };
    const routed = await open({ policy: { classes } });
    await read(routed);
    await Promise.all([hold(replica1), hold(replica2)]);
    await write(routed);
    const live = () => routed.servedBy({ readClass: 'live' });
    await vi.waitFor(async () => expect(await live()).toBe(servers.primary.port));
    expect(routed.routes.at(-1)).toBe('primary primary-lag');
    expect(await routed.servedBy()).not.toBe(servers.primary.port);
    await go(replica1);
    await vi.waitFor(async () => expect(await live()).toBe(replica1.port));
  });

  test('does not grow while nothing is written, and does not leap at the first write after a pause', async () => {
    const routed = await open();
    await read(routed);
    const [, one, two] = routed.router.cluster.nodes;
    await delay(1_500);
    // 0, or the age of a sample that a busy machine has kept waiting.
    expect(Math.max(one?.lagMs ?? 1e9, two?.lagMs ?? 1e9)).toBeLessThan(500);
    await hold(replica1);
    const startMs = performance.now();
    await write(routed);
    await vi.waitFor(() => expect(one?.lagBytes).toBeGreaterThan(0));
    // By timestamps of transactions it would be the whole pause, 1.5 s and more.
    const sinceMs = performance.now() - startMs;
    expect(one?.lagMs).toBeLessThanOrEqual(sinceMs + 100);
    // While replay stands still it grows, though no more is written.
    await delay(500);
    expect(one?.lagMs).toBeGreaterThan(400);
  });

  test('that nobody may serve is refused or served stale, as the class says', async () => {
    const base = { maxLagMs: 100, waitMs: 0 };
    const classes = { default: anyFreshness, strict: { ...base, otherwise: 'reject' }, easy: base } as const;
    const routed = await open({ policy: { classes, fallback: { concurrent: 1 } } });
    await read(routed);
    await Promise.all([hold(replica1), hold(replica2)]);
    await write(routed);
    await vi.waitFor(() => expect(routed.router.cluster.nodes[1]?.lagMs).toBeGreaterThan(100));
    const query = (readClass: string) => ({ type: QueryTypes.SELECT, readClass }) as const;
    const busy = routed.sequelize.query('SELECT pg_sleep(0.5)', query('strict'));
    await vi.waitFor(() => expect(routed.routes.at(-1)).toBe('primary primary-lag'));
    await expect(routed.servedBy({ readClass: 'strict' })).rejects.toMatchObject({ unmet: 'lag' });
    expect(await routed.servedBy({ readClass: 'easy' })).not.toBe(servers.primary.port);
    expect(routed.routes.at(-1)).toMatch(/^replica\d stale$/);
    await busy;
  });

  test('of a class that is not there is told', async () => {
    const routed = await open();
    await expect(routed.servedBy({ readClass: 'lvie' })).rejects.toThrow('there is no class of reads "lvie"');
  });
});
