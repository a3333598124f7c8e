import { QueryTypes } from 'sequelize';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createTokenCodec,
  inSession,
  newSession,
  type PolicyOptions,
  type Session,
} from '../../../src/db/routing/index.ts';
import { type PostgresNode, type ReplicatedPostgres, startReplicated } from '../../support/postgres.ts';
import { type Routed, type RoutedOptions, startRouted } from './routed.ts';
import { cutOff, dataDirectoryOf, follow, pgCtl, set } from './servers.ts';

let servers: ReplicatedPostgres;
let primary: PostgresNode;
let replica1: PostgresNode;
let replica2: PostgresNode;
let opened: Routed[] = [];

beforeEach(async () => {
  servers = await startReplicated(2);
  const [first, second] = servers.replicas;
  if (first === undefined || second === undefined) throw new Error('expected two replicas');
  [primary, replica1, replica2] = [servers.primary, first, second];
  await primary.query('CREATE TABLE notes (id int PRIMARY KEY, version int NOT NULL)');
  await primary.query('INSERT INTO notes VALUES (1, 0)');
  await servers.caughtUp();
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const one of opened) await one[Symbol.asyncDispose]();
  opened = [];
  await servers[Symbol.asyncDispose]();
});

async function open(policy: PolicyOptions = {}, options: RoutedOptions = {}): Promise<Routed> {
  const routed = await startRouted(servers, {
    ...options,
    policy: { probeIntervalMs: 20, silenceMs: 300, primaryWaitMs: 20_000, ...policy },
  });
  opened.push(routed);
  // Nobody is asked before the first query; a busy machine may be silent for a while then.
  await vi.waitFor(() => routed.servedBy(), patient);
  return routed;
}

/** Asks nobody of itself what it is: only what queries meet can tell. */
const unasked: PolicyOptions = { probeIntervalMs: 600_000, silenceMs: 30_000 };

const patient = { timeout: 20_000 };

const increment = ({ sequelize }: Routed, options: object = {}) =>
  sequelize.query('UPDATE notes SET version = version + 1 WHERE id = 1', options);

async function read({ sequelize }: Routed, options: object = {}): Promise<number> {
  const [row] = await sequelize.query<{ version: number }>('SELECT version FROM notes WHERE id = 1', {
    ...options,
    type: QueryTypes.SELECT,
  });
  return row?.version ?? -1;
}

async function versionOn(node: PostgresNode): Promise<number> {
  const [row] = await node.query<{ version: number }>('SELECT version FROM notes WHERE id = 1');
  return row?.version ?? -1;
}

const promote = (node: PostgresNode) => node.query('SELECT pg_promote(true, 60)');
const primaryName = ({ router }: Routed) => router.cluster.primary?.name;
const rolesOf = ({ router }: Routed) => router.cluster.nodes.map(({ role }) => role);
const hasPromoted = (routed: Routed) =>
  vi.waitFor(() => expect(primaryName(routed)).toBe('replica1'), patient);

describe('of two servers that take writes', () => {
  test('the promoted one gets them all, and the former one nothing, nor does it keep a connection', async () => {
    const routed = await open({ includePrimary: 1 });
    await increment(routed);
    const pools = routed.router.cluster.nodes.filter(({ name }) => name === 'primary');
    await vi.waitFor(async () => {
      await read(routed);
      for (const { pool } of pools) expect(pool.size).toBeGreaterThan(0);
    }, patient);
    await servers.caughtUp();
    await promote(replica1);
    await hasPromoted(routed);
    await vi.waitFor(() => expect(pools.map(({ pool }) => pool.size)).toEqual([0]));
    for (let write = 0; write < 20; write += 1) await increment(routed);
    expect(await versionOn(primary)).toBe(1);
    expect(await versionOn(replica1)).toBe(21);
    expect(rolesOf(routed)).toEqual(['fenced', 'primary', 'replica']);
    // What is left replays the former primary: nobody reads there.
    routed.routes.length = 0;
    for (let read = 0; read < 10; read += 1) await routed.servedBy();
    expect(new Set(routed.routes)).toEqual(new Set(['replica1 primary-lag']));
  });

  test('nobody waits for the former one, nor commits there', async () => {
    // Sequelize tells of transactions that it cannot commit.
    vi.spyOn(console, 'warn').mockReturnValue();
    const routed = await open({}, { pool: { max: 1, acquire: 5_000 } });
    await increment(routed);
    const transaction = await routed.sequelize.transaction();
    const pool = routed.router.cluster.primary?.pool;
    // The transaction has the only connection, and keeps it for as long as this takes.
    const writing = increment(routed);
    await vi.waitFor(() => expect(pool).toMatchObject({ size: 1, waiting: 1 }));
    await servers.caughtUp();
    await promote(replica1);
    await writing;
    expect(await versionOn(primary)).toBe(1);
    expect(await versionOn(replica1)).toBe(2);
    // Nor does what was done there become anything.
    await expect(increment(routed, { transaction })).rejects.toThrow('primary is no longer the primary');
    await expect(transaction.commit()).rejects.toThrow('primary is no longer the primary');
    await vi.waitFor(() => expect(pool).toMatchObject({ size: 0, waiting: 0 }));
  });
});

describe('though nobody asks, a promotion is heard of', () => {
  test('by a write that the former primary refuses, and that is done once', async () => {
    const routed = await open(unasked, { pool: { max: 1 } });
    await increment(routed);
    await servers.caughtUp();
    await promote(replica1);
    await set(primary, 'default_transaction_read_only', 'on');
    // On the connection that the write will have.
    const setting = 'SHOW default_transaction_read_only';
    await vi.waitFor(
      async () =>
        expect(await routed.sequelize.query(setting, { type: QueryTypes.SELECT, useMaster: true })).toEqual([
          { default_transaction_read_only: 'on' },
        ]),
      patient,
    );
    expect(primaryName(routed)).toBe('primary');
    routed.routes.length = 0;
    await increment(routed);
    expect([routed.routes[0], routed.routes.at(-1)]).toEqual(['primary write', 'replica1 write']);
    expect(await versionOn(primary)).toBe(1);
    expect(await versionOn(replica1)).toBe(2);
    // And nobody is refused any more.
    for (let write = 0; write < 10; write += 1) await increment(routed);
    expect(await versionOn(replica1)).toBe(12);
    expect(new Set(routed.routes.slice(-10))).toEqual(new Set(['replica1 write']));
  });

  test('by a write that is refused before there is a new primary', async () => {
    const routed = await open(unasked);
    await increment(routed);
    await servers.caughtUp();
    await set(primary, 'default_transaction_read_only', 'on');
    // Whenever a connection hears of it.
    const written = vi.fn<() => void>();
    const writing = (async () => {
      while (primaryName(routed) === 'primary') {
        await increment(routed);
        written();
      }
    })();
    await vi.waitFor(() => expect(routed.routes.slice(-2)).toEqual(['primary write', 'primary write']));
    await servers.caughtUp();
    await promote(replica1);
    await writing;
    expect(await versionOn(replica1)).toBe(written.mock.calls.length + 1);
  });

  test('by the next read of the promoted server', async () => {
    const routed = await open(unasked);
    const serving = new Set<number>();
    await vi.waitFor(async () => {
      serving.add(await routed.servedBy());
      expect(serving.size).toBe(2);
    }, patient);
    await promote(replica1);
    expect(primaryName(routed)).toBe('primary');
    await vi.waitFor(async () => {
      await routed.servedBy();
      expect(primaryName(routed)).toBe('replica1');
    }, patient);
    await increment(routed);
    expect(await versionOn(primary)).toBe(0);
    expect(await versionOn(replica1)).toBe(1);
  });
});

test('a write that meets no primary waits for the next one, and is done once', async () => {
  const routed = await open();
  await increment(routed);
  await servers.caughtUp();
  await routed.links[0].refuse();
  await primary.stop();
  const writing = increment(routed);
  await promote(replica1);
  await writing;
  expect(await versionOn(replica1)).toBe(2);
});

/** Four megabytes of log, so that positions behind them are behind whatever servers write by themselves. */
const fill = `INSERT INTO filler SELECT repeat(md5(n::text), 60) FROM generate_series(1, 2000) AS n`;

describe('a session', () => {
  test('whose write was lost with the former primary goes on with what there is, and what it writes then', async () => {
    const routed = await open({ classes: { default: { waitMs: 20 } } });
    await primary.query('CREATE TABLE filler (text text)');
    await increment(routed);
    await servers.caughtUp();
    await Promise.all([cutOff(replica1), cutOff(replica2)]);
    const session = newSession();
    await inSession(session, async () => {
      await routed.sequelize.query(fill);
      await increment(routed);
    });
    await session.writing;
    const lost = session.written;
    expect(await versionOn(primary)).toBe(2);
    await routed.links[0].refuse();
    await primary.stop();
    await promote(replica1);
    await follow(replica2, replica1);
    await hasPromoted(routed);
    await inSession(session, async () => {
      // The token is of bytes that the new timeline does not have yet, and never will.
      await vi.waitFor(async () => {
        expect(await read(routed)).toBe(1);
        expect(routed.routes.at(-1)).toBe('replica2 read');
      }, patient);
      const [, , follower] = routed.router.cluster.nodes;
      expect(follower?.place?.lsn).toBeLessThan(lost?.lsn ?? 0);
      await replica2.query('SELECT pg_wal_replay_pause()');
      await increment(routed);
      expect(await read(routed)).toBe(2);
      await session.writing;
      expect(session.written?.timeline).toBe(2);
      expect(session.written?.lsn).toBeLessThan(lost?.lsn ?? 0);
      expect(routed.routes.at(-1)).toBe('replica1 primary-floor');
    });
  });

  test('is not shown a former timeline that is long enough, not even where old answers are better than none', async () => {
    const fallback = { concurrent: 1, perSecond: Number.POSITIVE_INFINITY };
    const routed = await open({ classes: { default: { waitMs: 0 } }, fallback });
    await primary.query('CREATE TABLE filler (text text)');
    await servers.caughtUp();
    await cutOff(replica1);
    await promote(replica1);
    await hasPromoted(routed);
    const session = newSession();
    await inSession(session, () => increment(routed));
    await session.writing;
    // Nobody writes there through the router; its own replica has it all.
    await primary.query(fill);
    const [, , follower] = routed.router.cluster.nodes;
    await vi.waitFor(() => expect(follower?.place?.lsn).toBeGreaterThan(session.written?.lsn ?? 0), patient);
    expect(session.written?.timeline).toBe(2);
    expect(follower?.place?.timeline).toBe(1);
    // Of what it wrote alone; what it reads would be asked for as well.
    const again = () => inSession({ ...newSession(), written: session.written }, () => read(routed));
    expect(await again()).toBe(1);
    expect(await routed.router.allowance.take(0)).toBe(true);
    await expect(again()).rejects.toMatchObject({
      name: 'ReadRejectedError',
    });
    // Whoever has seen nothing of it may be shown the old one.
    expect(await read(routed)).toBe(0);
    expect(routed.routes.at(-1)).toBe('replica2 stale');
    routed.router.allowance.giveBack();
  });

  const codec = createTokenCodec('sixteen characters at least');

  /** Has written on the promoted server, as another instance of the application knows it. */
  async function ofAnother(): Promise<Session> {
    const here = await open();
    await promote(replica1);
    await hasPromoted(here);
    const session = newSession();
    await inSession(session, () => increment(here));
    await session.writing;
    const there = codec.decode(codec.encode(session, here.router.cluster.track) ?? '');
    if (there === null) throw new Error('expected a session');
    expect(there.written?.timeline).toBe(2);
    return there;
  }

  test('that has met the new primary goes there, from instances that have not heard of it', async () => {
    const works: readonly ((routed: Routed) => Promise<unknown>)[] = [
      (routed) => read(routed),
      (routed) => increment(routed),
      ({ sequelize }) => sequelize.transaction(() => Promise.resolve()),
    ];
    const policy = { ...unasked, classes: { default: { waitMs: 20_000 } } };
    const instances = await Promise.all(works.map(() => open(policy)));
    const session = await ofAnother();
    for (const [index, routed] of instances.entries()) {
      expect(primaryName(routed)).toBe('primary');
      await inSession({ ...session }, async () => {
        await works[index]?.(routed);
        expect(primaryName(routed)).toBe('replica1');
        expect(await read(routed)).toBe(await versionOn(replica1));
      });
    }
    expect(await versionOn(replica1)).toBe(2);
    expect(await versionOn(primary)).toBe(0);
  });

  test('that has met the new primary does nothing on the former one, though that is all there is', async () => {
    const routed = await open({ ...unasked, silenceMs: 300, primaryWaitMs: 300 });
    for (const link of routed.links.slice(1)) await link.refuse();
    const session = await ofAnother();
    expect(primaryName(routed)).toBe('primary');
    await inSession(session, async () => {
      await expect(read(routed)).rejects.toMatchObject({ name: 'ReadRejectedError' });
      await expect(increment(routed)).rejects.toMatchObject({ name: 'NoPrimaryError' });
      await expect(read(routed, { useMaster: true })).rejects.toMatchObject({ name: 'NoPrimaryError' });
      await expect(routed.sequelize.transaction()).rejects.toMatchObject({ name: 'NoPrimaryError' });
    });
    expect(await versionOn(primary)).toBe(0);
    // Whoever has not met it cannot know.
    expect(await read(routed)).toBe(0);
  });
});

test('reads go to the former primary when it is back as a replica, and to the promoted one no more', async () => {
  const routed = await open();
  const folder = await dataDirectoryOf(primary);
  await follow(primary, replica1);
  await pgCtl(primary, folder, 'stop');
  await promote(replica1);
  await follow(replica2, replica1);
  await replica1.query(`COPY (SELECT) TO '${folder}/standby.signal'`);
  await pgCtl(primary, folder, 'restart');
  await hasPromoted(routed);
  await vi.waitFor(async () => {
    expect(rolesOf(routed)).toEqual(['replica', 'primary', 'replica']);
    await Promise.all(Array.from({ length: 50 }, () => routed.servedBy()));
    expect(new Set(routed.routes.slice(-50))).toEqual(new Set(['primary read', 'replica2 read']));
  }, patient);
  await increment(routed);
  expect(await versionOn(replica1)).toBe(1);
});
