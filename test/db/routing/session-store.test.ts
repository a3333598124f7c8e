import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
  vi,
} from 'vitest';
import { createRedisClient } from '../../../src/cache/redis-client.ts';
import { createHttpSessions } from '../../../src/db/routing/index.ts';
import { createPrimaryTrack } from '../../../src/db/routing/primary-track.ts';
import { newSession, noteRead, noteWrite, type Session } from '../../../src/db/routing/session.ts';
import { createRedisSessionStore } from '../../../src/db/routing/session-store.ts';
import { type Link, startLink } from '../../support/link.ts';
import { type ReplicatedPostgres, startReplicated } from '../../support/postgres.ts';
import { describeWithRedis, type RealRedis, startRedis } from '../../support/redis.ts';
import { databaseVariables, loadSmallDataSet, startApp, type Variables } from '../../support/sample-app.ts';

const at = (lsn: number, timeline = 1) => ({ timeline, lsn });
const unknown = (timeline = 1) => at(Number.POSITIVE_INFINITY, timeline);

async function wrote(session: Session, position: { timeline: number; lsn: number }): Promise<Session> {
  noteWrite(session, Promise.resolve(position));
  await session.writing;
  return session;
}

function saw(session: Session, node: string, ms: number, timeline = 1): Session {
  noteRead(session, { node, startMs: ms, endMs: ms, timeline });
  return session;
}

describeWithRedis('sessions in a real Redis', () => {
  let redis: RealRedis;
  let link: Link;
  let client: ReturnType<typeof createRedisClient>;
  let store: ReturnType<typeof createRedisSessionStore>;
  /** This process's clock + 5000 = the primary's. */
  const track = createPrimaryTrack();
  track.add({ position: at(1), sentMs: 0, serverMs: 5_000 });
  const key = 'freshness:me';

  const connect = async (port: number) => {
    const made = createRedisClient({ url: `redis://127.0.0.1:${port}`, keyPrefix: '' });
    made.on('error', () => undefined);
    await made.connect();
    return made;
  };

  beforeAll(async () => {
    redis = await startRedis();
    link = await startLink(redis);
    client = await connect(redis.port);
    store = createRedisSessionStore(client);
  });
  afterAll(async () => {
    client?.destroy();
    await link?.[Symbol.asyncDispose]();
    await redis?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await client.flushAll();
  });

  const load = () => store.load('me');
  const save = (session: Session) => store.save('me', session, track);
  const written = async () => (await load()).written;
  const seen = async () => (await load()).seen;

  test('are kept for each client, and nothing is of who did nothing', async () => {
    await save(newSession());
    expect(await client.dbSize()).toBe(0);
    await save(saw(await wrote(newSession(), at(0x1_0000_00ab, 3)), 'a node~with.100%', 120, 3));
    expect(await load()).toEqual({
      ...newSession(),
      written: at(0x1_0000_00ab, 3),
      seen: { node: 'a node~with.100%', clock: 'server', atMs: 5_120, timeline: 3 },
    });
    expect(await store.load('another')).toEqual(newSession());
  });

  test.each([
    ['later', at(0x0f), at(0x10)],
    ['later, by its upper half', at(0x9_ffff_ffff), at(0x10_0000_0000)],
    ['later, though shorter', at(0xffff_ffff), at(0x1_0000_0000)],
    ['of the later timeline', at(0xffff, 9), at(0x10, 10)],
    ['unknown', at(0xffff_ffff_ffff), unknown()],
    ['of the timeline after the unknown one', unknown(9), at(0x10, 10)],
  ])('of two writes at once keep that which is %s', async (_which, earlier, later) => {
    for (const order of [
      [earlier, later],
      [later, earlier],
    ]) {
      await client.flushAll();
      const both = await Promise.all(order.map(async (position) => wrote(await load(), position)));
      for (const session of both) await save(session);
      expect(await written()).toEqual(later);
    }
  });

  test('keep the latest write of many instances', async () => {
    const positions = Array.from({ length: 50 }, (_, index) => at(((index * 37) % 50) * 0x1000_0001));
    const sessions = await Promise.all(positions.map(async (position) => wrote(await load(), position)));
    await Promise.all(sessions.map(save));
    expect(await written()).toEqual(at(49 * 0x1000_0001));
  });

  test('lose an unknown position to one that was asked for in its knowledge, and to no other', async () => {
    const unaware = await load();
    await save(await wrote(newSession(), unknown()));
    await save(await wrote(unaware, at(200)));
    expect(await written()).toEqual(unknown());
    await save(await wrote(await load(), at(150)));
    expect(await written()).toEqual(at(150));
  });

  test('do not take one unknown position for another', async () => {
    await save(await wrote(newSession(), unknown()));
    const [first, second] = [await load(), await load()];
    await wrote(first, at(100));
    await save(await wrote(second, unknown()));
    await save(first);
    expect(await written()).toEqual(unknown());
  });

  test('do not bring an unknown position back', async () => {
    await save(await wrote(newSession(), unknown()));
    const [first, second] = [await load(), await load()];
    await save(await wrote(first, at(100)));
    await save(saw(second, 'replica1', 110));
    expect(await written()).toEqual(at(100));
  });

  test('go on with the node of a read, where one knew of the other', async () => {
    await save(saw(newSession(), 'replica1', 100));
    await save(saw(await load(), 'replica2', 150));
    expect(await seen()).toMatchObject({ node: 'replica2', atMs: 5_150 });
  });

  test.each([
    [150, 100],
    [100, 150],
    // Of the primary's clock 9,999 and 10,000.
    [4_999, 5_000],
    [5_000, 4_999],
  ])('keep of reads at once, at %i and %i, the later time and no node', async (firstMs, secondMs) => {
    await save(saw(newSession(), 'replica1', 50));
    const [first, second] = [await load(), await load()];
    await save(saw(first, 'replica1', firstMs));
    await save(saw(second, 'replica2', secondMs));
    expect(await seen()).toMatchObject({ node: null, atMs: 5_000 + Math.max(firstMs, secondMs) });
  });

  test.each([
    [9, 10],
    [10, 9],
  ])('keep of reads at once, on timelines %i and %i, that of the later one', async (one, other) => {
    const [first, second] = [await load(), await load()];
    await save(saw(first, 'replica1', one === 10 ? 100 : 150, one));
    await save(saw(second, 'replica2', other === 10 ? 100 : 150, other));
    expect(await seen()).toMatchObject({ node: null, atMs: 5_100, timeline: 10 });
  });

  test('keep the node of a read beside which another instance only wrote', async () => {
    await save(saw(newSession(), 'replica1', 50));
    const [first, second] = [await load(), await load()];
    await save(saw(first, 'replica2', 100));
    await save(await wrote(second, at(200)));
    expect(await load()).toMatchObject({ written: at(200), seen: { node: 'replica2', atMs: 5_100 } });
  });

  test('keep the node of reads at once that were one and the same', async () => {
    const [first, second] = [await load(), await load()];
    await save(saw(first, 'replica1', 100));
    await save(saw(second, 'replica1', 100));
    expect(await seen()).toMatchObject({ node: 'replica1', atMs: 5_100 });
  });

  test('are forgotten some time after the last request', async () => {
    await save(saw(newSession(), 'replica1', 50));
    const first = await client.pTTL(key);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(120_000);
    await client.pExpire(key, 60_000);
    // Nothing new: it was a request all the same.
    await save(await load());
    expect(await client.pTTL(key)).toBeGreaterThan(60_000);
    await client.persist(key);
    await createRedisSessionStore(client, { ttlMs: 1 }).save('me', await load(), track);
    await vi.waitFor(async () => expect(await load()).toEqual(newSession()));
  });

  test('that expire under a request are saved whole', async () => {
    await save(saw(await wrote(newSession(), at(100)), 'replica1', 50));
    const session = await load();
    await client.del(key);
    await save(session);
    expect(await load()).toEqual(session);
  });

  test.each([
    ['written', 'nonsense'],
    ['written', '~~'],
    ['written', '1:0/64'],
    ['written', '0000000001:00000000/0000006G'],
    ['seen', 'nonsense'],
    ['seen', 'replica1~soon~1'],
    ['seen', '%~100~1'],
    ['seen', '~~'],
  ])('of which the %s is "%s" are unknown ones', async (field, text) => {
    const hash = { written: '0000000001:00000000/00000064', seen: 'replica1~5050~1', [field]: text };
    await client.hSet(key, hash);
    expect(await load()).toMatchObject({ written: unknown(0), unknown: true });
    await save(await load());
    expect(await client.hGetAll(key)).toEqual(hash);
    // Whoever did not know of it does not make it known; whoever did, does.
    const aware = await load();
    await save(saw(await wrote(newSession(), at(50)), 'replica2', 90));
    expect((await load()).unknown).toBe(field === 'written');
    await client.hSet(key, hash);
    await save(saw(await wrote(aware, at(200)), 'replica2', 100));
    expect(await load()).toMatchObject({
      ...{ written: at(200), unknown: false },
      seen: { node: 'replica2', atMs: 5_100 },
    });
  });

  test('are unknown while Redis is away, says nothing, or keeps something else there', async () => {
    const problems: unknown[] = [];
    const far = await connect(link.port);
    onTestFinished(() => far.destroy());
    const { begin, finish } = createHttpSessions(
      {
        ...{ kind: 'store', store: createRedisSessionStore(far), idOf: () => 'me' },
        onError: (error) => problems.push(String(error)),
      },
      track,
    );
    const [request, response] = [{} as IncomingMessage, {} as ServerResponse];
    const whole = async (): Promise<readonly [Session, readonly unknown[]]> => {
      const session = await begin(request);
      await finish(saw(session, 'primary', 100), request, response);
      return [session, problems.splice(0)];
    };
    // Asked again: a busy machine takes longer than a request waits, and a connection is dialled again in a while.
    const known = () =>
      vi.waitFor(async () => expect(await whole()).toMatchObject([{ unknown: false }, []]), {
        timeout: 20_000,
      });
    await known();

    link.stall();
    const silence = 'Error: no answer within 100 ms';
    expect(await whole()).toMatchObject([{ unknown: true }, [silence, silence]]);
    await link.restore();
    await known();

    await link.refuse();
    const failed = expect.stringContaining('Error');
    expect(await whole()).toMatchObject([{ unknown: true }, [failed, failed]]);
    await link.restore();
    await known();

    await client.set(key, 'a text');
    const wrongType = expect.stringContaining('WRONGTYPE');
    expect(await whole()).toMatchObject([{ unknown: true }, [wrongType, wrongType]]);
    await client.del(key);
    await known();
  });

  describe('of the sample application', () => {
    let servers: ReplicatedPostgres;
    beforeAll(async () => {
      servers = await startReplicated(2);
      await loadSmallDataSet(servers.primary);
      await servers.caughtUp();
    });
    afterAll(() => servers?.[Symbol.asyncDispose]());
    afterEach(async () => {
      await link.restore();
      for (const replica of servers.replicas) await replica.query('SELECT pg_wal_replay_resume()');
      await servers.caughtUp();
    });
    const replicaFor = (url: string, headers: Variables = {}) =>
      vi.waitFor(async () => expect(nodeOf(await read(url, headers))).toMatch(/^replica/), {
        timeout: 20_000,
      });
    /** Every replica lacks what is written from now on, and could serve the instances all the same. */
    const hold = async (...urls: readonly string[]): Promise<void> => {
      for (const url of urls) await replicaFor(url);
      for (const replica of servers.replicas) await replica.query('SELECT pg_wal_replay_pause()');
    };

    const start = () =>
      startApp({
        ...databaseVariables(servers.primary, servers.replicas),
        ...{ DB_ROUTING: 'balanced', DB_SESSIONS: 'redis', REDIS_URL: `redis://127.0.0.1:${link.port}` },
      });
    const setStatus = (url: string, status: string, headers: Variables = {}) =>
      fetch(`${url}/users/1/status`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ status }),
      });
    const cookieOf = (response: Response): Variables => ({
      cookie: /^x-client=[0-9a-f-]{36}/.exec(response.headers.get('set-cookie') ?? '')?.[0] ?? 'none',
    });
    const nodeOf = (response: Response) => response.headers.get('x-db-node');
    const read = (url: string, headers: Variables = {}) => fetch(`${url}/users/1`, { headers });

    test('let a client read its own write from whichever instance answers, though every replica lacks it', async () => {
      await using here = await start();
      await using there = await start();
      await hold(here.url, there.url);
      const headers = cookieOf(await setStatus(here.url, 'BREAK'));
      for (const url of [there.url, here.url, there.url]) {
        const answer = await read(url, headers);
        expect(await answer.json()).toMatchObject({ status: 'BREAK' });
        expect(nodeOf(answer)).toBe('primary');
        expect(answer.headers.get('set-cookie')).toBeNull();
      }
      // Another client reads what replicas have.
      expect(nodeOf(await read(here.url))).toMatch(/^replica/);
    });

    test('begin with the first request, whatever cookies it brings', async () => {
      await using here = await start();
      await using there = await start();
      await hold(here.url, there.url);
      for (const cookie of ['x-client=of-somebody-else', 'a=b', '']) {
        const headers = cookieOf(await setStatus(here.url, 'BREAK', { cookie }));
        expect(nodeOf(await read(there.url, headers))).toBe('primary');
      }
    });

    test('send to the primary whoever has one while Redis is away, and nobody else', async () => {
      await link.refuse();
      await using app = await start();
      const stranger = await read(app.url);
      expect([stranger.status, nodeOf(stranger)]).toEqual([200, expect.stringMatching(/^replica/)]);
      const headers = cookieOf(stranger);
      for (let turn = 0; turn < 5; turn += 1) {
        const answer = await read(app.url, headers);
        expect([answer.status, nodeOf(answer)]).toEqual([200, 'primary']);
      }
      expect((await setStatus(app.url, 'BUSY', headers)).status).toBe(200);
      expect(app.output().stderr).toContain('whoever has one reads from the primary until Redis answers');
      await link.restore();
      await replicaFor(app.url, headers);
    });

    test('send it there, too, while Redis says nothing', async () => {
      await using app = await start();
      const headers = cookieOf(await read(app.url));
      link.stall();
      expect(nodeOf(await read(app.url, headers))).toBe('primary');
      await link.restore();
      await replicaFor(app.url, headers);
    });

    test('that nobody can read are known again after one read from the primary', async () => {
      await using app = await start();
      const headers = cookieOf(await read(app.url));
      const key = headers['cookie']?.replace('x-client=', 'freshness:') ?? '';
      await vi.waitFor(async () => expect(await client.exists(key)).toBe(1));
      await client.hSet(key, 'written', 'nonsense');
      const answer = await read(app.url, headers);
      expect([answer.status, nodeOf(answer)]).toEqual([200, 'primary']);
      await replicaFor(app.url, headers);
    });
  });
});
