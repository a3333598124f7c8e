import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeRedis, startFakeRedis } from '../support/fake-redis.ts';
import { type PostgresNode, startPostgres } from '../support/postgres.ts';
import { type AppProcess, databaseVariables, loadSmallDataSet, startApp } from '../support/sample-app.ts';

const password = 'cache-password';
let node: PostgresNode;
let redis: FakeRedis;
let one: AppProcess;
let two: AppProcess;
beforeAll(async () => {
  node = await startPostgres();
  await loadSmallDataSet(node);
  redis = await startFakeRedis({ password });
  const url = redis.url.replace('//', `//:${password}@`);
  // A busy machine must not turn a hit into a miss.
  const patient = { CACHE_TTL_MS: '600000', CACHE_TIMEOUT_MS: '30000' };
  const variables = { ...databaseVariables(node), CACHE: 'redis', REDIS_URL: url, ...patient };
  [one, two] = await Promise.all([startApp(variables), startApp(variables)]);
});
afterAll(async () => {
  await Promise.all([one, two].map((app) => app[Symbol.asyncDispose]()));
  await redis[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  readonly cache: string | null;
  readonly node: string | null;
  readonly type: string | null;
  readonly text: string;
}

async function get(app: AppProcess, path: string): Promise<Answer> {
  const response = await fetch(app.url + path);
  const { headers, status } = response;
  const text = await response.text();
  return {
    status,
    text,
    cache: headers.get('x-cache'),
    node: headers.get('x-db-node'),
    type: headers.get('content-type'),
  };
}

async function send(app: AppProcess, method: string, path: string, body: object): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  return (await fetch(app.url + path, { method, headers, body: JSON.stringify(body) })).status;
}

/** What is kept is kept beside the answer, so the hit may need another reader. */
async function untilHit(app: AppProcess, path: string): Promise<Answer> {
  for (;;) {
    const answer = await get(app, path);
    if (answer.cache === 'hit') return answer;
  }
}

async function counters(app: AppProcess): Promise<Readonly<Record<string, number>>> {
  const { text } = await get(app, '/metrics');
  const lines = text.matchAll(/^cache_requests_total\{result="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, result, count]) => [result, Number(count)]));
}

describe('hot reads', () => {
  test.each(['/users/7', '/users/7/interactions', '/teams/2/dashboard'])(
    '%s is the same answer from the cache, for every instance',
    async (path) => {
      const first = await get(one, path);
      expect(first).toMatchObject({ status: 200, cache: 'miss', node: 'primary' });
      for (const app of [one, two]) {
        expect(await untilHit(app, path)).toEqual({ ...first, cache: 'hit', node: 'cache' });
      }
    },
  );

  test('searches and lists of other lengths are not cached, nor is a 404', async () => {
    for (const path of ['/contacts?q=marta', '/users/8/interactions?limit=3', '/users/9999']) {
      await get(one, path);
      expect(await get(one, path)).toMatchObject({ node: 'primary' });
    }
  });
});

describe('a write through one instance is seen by the other', () => {
  test('status: agent and dashboard', async () => {
    const before = [await untilHit(two, '/users/9'), await untilHit(two, '/teams/1/dashboard')];
    expect(before[0]?.text).not.toContain('"OFFLINE"');
    expect(await send(one, 'PATCH', '/users/9/status', { status: 'OFFLINE' })).toBe(200);
    expect((await get(two, '/users/9')).text).toContain('"OFFLINE"');
    expect((await get(two, '/teams/1/dashboard')).text).not.toBe(before[1]?.text);
  });

  test('interaction: the list of the agent', async () => {
    await untilHit(two, '/users/10/interactions');
    const interaction = { userId: 10, contactId: 1, channel: 'chat', durationSeconds: 1, notes: 'just now' };
    expect(await send(one, 'POST', '/interactions', interaction)).toBe(201);
    expect((await get(two, '/users/10/interactions')).text).toContain('just now');
  });

  test('assignment: agent, list and dashboard', async () => {
    await node.query("UPDATE users SET status = 'OFFLINE' WHERE team_id = 4");
    await node.query("UPDATE users SET status = 'AVAILABLE', role = 'AGENT' WHERE id = 4");
    const paths = ['/users/4', '/users/4/interactions', '/teams/4/dashboard'];
    const before = new Map<string, string>();
    for (const path of paths) before.set(path, (await untilHit(two, path)).text);
    expect(await send(one, 'POST', '/teams/4/assignments', { contactId: 1 })).toBe(201);
    for (const path of paths) expect((await get(two, path)).text, path).not.toBe(before.get(path));
  });
});

test('hits are counted, and an application without a cache has no such counter', async () => {
  const before = await counters(one);
  await untilHit(one, '/users/11');
  await untilHit(one, '/users/11');
  const after = await counters(one);
  expect((after['hit'] ?? 0) - (before['hit'] ?? 0)).toBe(2);
  await using plain = await startApp(databaseVariables(node));
  expect(await counters(plain)).toEqual({});
  expect((await get(plain, '/users/11')).cache).toBeNull();
});

test('with Redis gone every read is answered by the database, and it is used again when it is back', async () => {
  await untilHit(one, '/users/12');
  await redis.stop();
  for (let id = 12; id < 30; id += 1) {
    expect(await get(one, `/users/${id}`)).toMatchObject({ status: 200, cache: 'miss', node: 'primary' });
  }
  expect(await send(one, 'PATCH', '/users/12/status', { status: 'BUSY' })).toBe(200);
  expect((await counters(one))['error']).toBeGreaterThan(0);
  await redis.start();
  await untilHit(one, '/users/30');
  // What it prints comes another way than its answers.
  await expect
    .poll(() => one.output().stdout, { timeout: 30_000 })
    .toMatch(/^\[Cache\] redis:\/\/127\.0\.0\.1:\d+ answers again$/m);
  const { stdout, stderr } = one.output();
  expect(stderr).toMatch(/^\[Cache\] ! redis:\/\/127\.0\.0\.1:\d+: .+; reads go to the database/m);
  expect(stdout + stderr).not.toContain(password);
});
