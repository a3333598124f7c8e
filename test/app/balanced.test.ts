import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { startAnswerEater } from '../db/routing/servers.ts';
import { startLink } from '../support/link.ts';
import { type ReplicatedPostgres, startReplicated } from '../support/postgres.ts';
import {
  databaseVariables,
  loadSmallDataSet,
  spawnApp,
  startApp,
  type Variables,
} from '../support/sample-app.ts';

let servers: ReplicatedPostgres;
beforeAll(async () => {
  servers = await startReplicated(2);
  await loadSmallDataSet(servers.primary);
  await servers.caughtUp();
});
afterAll(() => servers[Symbol.asyncDispose]());
afterEach(async () => {
  for (const replica of servers.replicas) await replica.query('SELECT pg_wal_replay_resume()');
  await servers.caughtUp();
});

const balanced = (more: Variables = {}): Variables => ({
  ...databaseVariables(servers.primary, servers.replicas),
  DB_ROUTING: 'balanced',
  ...more,
});

const setStatus = (url: string, status: string, headers: Variables = {}): Promise<Response> =>
  fetch(`${url}/users/1/status`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ status }),
  });

test('reads come from both replicas, writes from the primary, and the log says how it is', async () => {
  await using app = await startApp(balanced());
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, index) => fetch(`${app.url}/users/${index + 1}`)),
  );
  expect(new Set(answers.map(({ headers }) => headers.get('x-db-node')))).toEqual(
    new Set(['replica1', 'replica2']),
  );
  expect((await setStatus(app.url, 'BUSY')).headers.get('x-db-node')).toBe('primary');
  expect(app.output().stdout).toContain('  - Routing: balanced\n');
});

test('starts while the configured primary is gone, if another node takes writes, and not before one does', async () => {
  await using own = await startReplicated(1);
  const [replica] = own.replicas;
  if (replica === undefined) throw new Error('expected a replica');
  await loadSmallDataSet(own.primary);
  await own.caughtUp();
  const variables = { ...databaseVariables(own.primary, own.replicas), DB_ROUTING: 'balanced' };
  await own.primary.stop();
  const early = await spawnApp(variables);
  expect(await early.ended).toEqual([1, null]);
  expect(early.output().stderr).toContain('cannot reach primary');
  await replica.query('SELECT pg_promote(true, 60)');
  await using app = await startApp(variables);
  expect((await setStatus(app.url, 'BUSY')).headers.get('x-db-node')).toBe('replica1');
});

test('each change of an agent has a version, by which a reader can tell an old answer', async () => {
  await using app = await startApp(balanced({ DB_SESSIONS: 'none' }));
  const first = await setStatus(app.url, 'BUSY');
  const second = await setStatus(app.url, 'AVAILABLE');
  const versionOf = ({ headers }: Response): number =>
    Number(/^"(\d+)"$/.exec(headers.get('etag') ?? '')?.[1]);
  expect(versionOf(second)).toBe(versionOf(first) + 1);
  await servers.caughtUp();
  expect(versionOf(await fetch(`${app.url}/users/1`))).toBe(versionOf(second));
});

describe.each(['header', 'cookie'] as const)('a client that sends its %s back', (carrier) => {
  const variables = { DB_SESSIONS: carrier, DB_SESSION_SECRET: 'sixteen characters at least' };
  const tokenOf = (response: Response): Variables => {
    const token = response.headers.get(carrier === 'header' ? 'x-freshness' : 'set-cookie');
    if (token === null) throw new Error('expected a token');
    return carrier === 'header' ? { 'x-freshness': token } : { cookie: token.split(';')[0] ?? '' };
  };

  test('reads its own write from whichever instance answers, though every replica lacks it', async () => {
    await using here = await startApp(balanced(variables));
    await using there = await startApp(balanced(variables));
    for (const replica of servers.replicas) await replica.query('SELECT pg_wal_replay_pause()');
    let token = tokenOf(await setStatus(here.url, 'BREAK'));
    for (const url of [there.url, here.url, there.url]) {
      const answer = await fetch(`${url}/users/1`, { headers: token });
      expect(await answer.json()).toMatchObject({ status: 'BREAK' });
      expect(answer.headers.get('x-db-node')).toBe('primary');
      token = tokenOf(answer);
    }
    // Another client reads what replicas have.
    expect((await fetch(`${here.url}/users/1`)).headers.get('x-db-node')).toMatch(/^replica/);
  });

  test('with a forged one is nobody, and is answered', async () => {
    await using app = await startApp(balanced(variables));
    const forged = '1.1:FFFFFFFF/0.-.AAAAAAAAAAAAAAAAAAAAAA';
    const headers = carrier === 'header' ? { 'x-freshness': forged } : { cookie: `x-freshness=${forged}` };
    const answer = await fetch(`${app.url}/users/1`, { headers });
    expect(answer.headers.get('x-db-node')).toMatch(/^replica/);
  });
});

test('a write that fails after it was done still counts', async () => {
  await using eater = await startAnswerEater(servers.primary, 'UPDATE users');
  const { host, port } = eater;
  const variables = { DB_SESSIONS: 'header', DB_SESSION_SECRET: 'sixteen characters at least' };
  await using app = await startApp({
    ...databaseVariables({ ...servers.primary, host, port }, servers.replicas),
    ...{ DB_ROUTING: 'balanced', ...variables },
  });
  for (const replica of servers.replicas) await replica.query('SELECT pg_wal_replay_pause()');
  const before = await fetch(`${app.url}/users/2`);
  const status = ((await before.json()) as { status: string }).status === 'BUSY' ? 'BREAK' : 'BUSY';
  const failed = await fetch(`${app.url}/users/2/status`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ status }),
  });
  expect(failed.status).toBeGreaterThanOrEqual(500);
  const token = failed.headers.get('x-freshness');
  if (token === null) throw new Error('expected a token');
  // Whoever looks whether it was done must be shown that it was.
  const after = await fetch(`${app.url}/users/2`, { headers: { 'x-freshness': token } });
  expect(await after.json()).toMatchObject({ status });
  expect(after.headers.get('x-db-node')).toBe('primary');
});

test('without replicas the primary serves some reads, the others get 503 with Retry-After, and it is on record', async () => {
  await using undo = new AsyncDisposableStack();
  const links = (await Promise.all(servers.replicas.map(startLink))).map((link) => undo.use(link));
  await using app = await startApp({
    ...databaseVariables(servers.primary, links),
    ...{
      DB_ROUTING: 'balanced',
      DB_FALLBACK_CONCURRENT: '1',
      DB_FALLBACK_PER_SECOND: '5',
      DB_READ_WAIT_MS: '0',
    },
  });
  expect((await fetch(`${app.url}/users/1`)).ok).toBe(true);
  await Promise.all(links.map((link) => link.refuse()));
  const statuses = new Map<number, number>();
  await vi.waitFor(
    async () => {
      const answer = await fetch(`${app.url}/users/1`);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(await answer.json()).toMatchObject({ error: expect.stringContaining('no replica answers') });
    },
    { timeout: 10_000, interval: 10 },
  );
  expect(statuses.get(200) ?? 0).toBeGreaterThan(0);
  expect([...statuses.keys()].sort()).toEqual([200, 503]);
  const ready = await fetch(`${app.url}/readyz`);
  expect([ready.status, await ready.json()]).toMatchObject([200, { status: 'degraded' }]);
  const metrics = await (await fetch(`${app.url}/metrics`)).text();
  expect(metrics).toMatch(/db_route_total\{node="primary",reason="primary-no-replica"\} [1-9]/);
  expect(metrics).toMatch(/db_reads_rejected_total\{unmet="no-replica"\} [1-9]/);
  expect(metrics).toMatch(/db_node_serving\{node="replica1",role="replica",state="open"\} 1/);
  expect(app.output().stderr).toMatch(/\[Database:app\] replica1: suspect -> open/);
  // And back again, by itself.
  await Promise.all(links.map((link) => link.restore()));
  await vi.waitFor(
    async () => {
      const answer = await fetch(`${app.url}/users/1`);
      expect(answer.headers.get('x-db-node')).toMatch(/^replica/);
    },
    { timeout: 20_000, interval: 50 },
  );
});

test.each([
  [{ DB_SESSIONS: 'cookie' }, 'DB_SESSION_SECRET is not set'],
  [{ DB_SESSIONS: 'cookie', DB_SESSION_SECRET: 'short' }, 'DB_SESSION_SECRET has less than 16 characters'],
  [
    { DB_ROUTING: 'native', DB_SESSIONS: 'header', DB_SESSION_SECRET: 'sixteen characters at least' },
    'needs DB_ROUTING=balanced',
  ],
  [{ DB_ROUTING: 'balance' }, 'none of primary-only, native and balanced'],
  [
    {
      ...{ DB_SESSIONS: 'cookie', DB_SESSION_SECRET: 'sixteen characters at least' },
      ...{ CACHE: 'redis', REDIS_URL: 'redis://127.0.0.1:1' },
    },
    'CACHE and DB_SESSIONS are both set',
  ],
])('%o is refused in one line', async (variables, message) => {
  await using app = await spawnApp(balanced(variables));
  expect(await app.ended).toEqual([1, null]);
  expect(app.output().stderr).toContain(message);
});
