import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHandshakeDropper } from '../support/faulty-server.ts';
import { freePort, type PostgresNode, startPostgres } from '../support/postgres.ts';
import { holdUser } from '../support/row-lock.ts';
import { databaseVariables, loadSmallDataSet, smallDataSet, startApp } from '../support/sample-app.ts';

// Not replicas at all: two servers whose rows differ, so that each answer betrays where it came from.
let primary: PostgresNode;
let replica: PostgresNode;
beforeAll(async () => {
  [primary, replica] = await Promise.all([startPostgres(), startPostgres()]);
  await Promise.all([loadSmallDataSet(primary), loadSmallDataSet(replica, { ...smallDataSet, seed: 8 })]);
  await primary.query("UPDATE users SET name = 'primary'");
  await replica.query("UPDATE users SET name = 'replica1'");
  await replica.query(`ALTER ROLE postgres PASSWORD '${primary.password}'`);
});
afterAll(async () => {
  await primary[Symbol.asyncDispose]();
  await replica[Symbol.asyncDispose]();
});

interface Served {
  readonly header: string | null;
  readonly name: string;
}

async function readUser(url: string, id: number): Promise<Served> {
  const response = await fetch(`${url}/users/${id}`);
  const { name } = (await response.json()) as { name: string };
  return { header: response.headers.get('x-db-node'), name };
}

test.each([
  ['native', 'replica1'],
  ['primary-only', 'primary'],
])('%s routing: every x-db-node names the node whose row came back', async (routing, node) => {
  await using app = await startApp({ ...databaseVariables(primary, [replica]), DB_ROUTING: routing });
  const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => readUser(app.url, index + 1)));
  expect(answers).toEqual(answers.map(() => ({ header: node, name: node })));
});

describe('the start-up log', () => {
  test('names the write host and each read host', async () => {
    await using app = await startApp({ ...databaseVariables(primary, [replica]), APP_NAME: 'app1' });
    const lines = app.output().stdout.split('\n');
    expect(lines.slice(0, 3)).toEqual([
      '[Database:app1] ✓ Replication enabled:',
      `  - Write: 127.0.0.1:${primary.port}`,
      `  - Read 1: 127.0.0.1:${replica.port}`,
    ]);
  });

  test('says single-host mode, and warns when replication was asked for', async () => {
    await using app = await startApp({ ...databaseVariables(primary), DB_ROUTING: 'native' });
    const { stdout, stderr } = app.output();
    expect(stdout).toContain(`[Database:app] Single host mode (no replication): 127.0.0.1:${primary.port}\n`);
    expect(stderr).toContain('no DB_REPLICA<n>_HOST is set');
  });
});

describe('readiness', () => {
  test('names the node that does not answer, while reads and liveness go on', async () => {
    const gone = { host: '127.0.0.1', port: await freePort() };
    await using app = await startApp(databaseVariables(primary, [replica, gone]));
    const ready = await fetch(`${app.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      status: 'not ready',
      nodes: { primary: 'ok', replica1: 'ok', replica2: expect.stringContaining('ECONNREFUSED') },
      error: expect.stringContaining(`replica2 (127.0.0.1:${gone.port})`),
    });
    expect(app.output().stderr).toContain(`cannot reach replica2 (127.0.0.1:${gone.port})`);
    expect((await fetch(`${app.url}/healthz`)).status).toBe(200);
    expect((await readUser(app.url, 1)).header).toBe('replica1');
  });

  test('is given when every node answers a query', async () => {
    await using app = await startApp(databaseVariables(primary, [replica]));
    const ready = await fetch(`${app.url}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({ status: 'ready', nodes: { primary: 'ok', replica1: 'ok' } });
  });
});

test('a replica that drops every connection after its handshake costs a 503, not the process', async () => {
  await using dropper = await startHandshakeDropper(replica);
  await using app = await startApp(databaseVariables(primary, [dropper]));
  const answer = await fetch(`${app.url}/users/1`);
  expect(answer.status).toBe(503);
  expect(await answer.json()).toEqual({ error: expect.stringContaining('the database did not answer') });
  expect((await fetch(`${app.url}/healthz`)).status).toBe(200);
  expect(app.child.exitCode).toBeNull();
  expect(app.output().stderr).not.toContain('TypeError');
});

test('a pool that gives no connection in time costs a 503 that says so', async () => {
  const limits = { DB_POOL_MAX: '1', DB_POOL_ACQUIRE_MS: '300' };
  await using app = await startApp({ ...databaseVariables(primary), ...limits });
  const warmUp = async (): Promise<boolean> => (await fetch(`${app.url}/users/1`)).ok;
  while (!(await warmUp()));
  await using lock = await holdUser(primary, 1);
  const held = fetch(`${app.url}/users/1/status`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: '{"status":"BUSY"}',
  });
  await lock.waitedFor();
  const refused = await fetch(`${app.url}/users/2`);
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toEqual({
    error: 'no database connection became free within 300 ms (all: 1 in use, 0 waiting)',
  });
  await lock.release();
  expect((await held).status).toBe(200);
});

// Last, because it takes the replica away from everybody.
test('when a replica dies under load the process lives, /readyz names it, and reads go to the other one', async () => {
  // The second read host is the primary under another spelling of its address.
  const other = { host: 'localhost', port: primary.port };
  await using app = await startApp({ ...databaseVariables(primary, [replica, other]), DB_POOL_MAX: '4' });
  const burst = (): Promise<number[]> =>
    Promise.all(Array.from({ length: 20 }, async () => (await fetch(`${app.url}/users/1`)).status));
  expect(new Set(await burst())).toEqual(new Set([200]));
  const underWay = burst();
  await replica.stop();
  // Only statements that were running on it may fail, and only as "not now".
  expect([200, 503]).toEqual(expect.arrayContaining([...new Set(await underWay)]));
  // The process may have to notice a lost connection first, but not by being told of it forever.
  while ((await burst()).some((status) => status !== 200));
  expect((await readUser(app.url, 1)).header).toBe('replica2');
  const ready = await fetch(`${app.url}/readyz`);
  expect(await ready.json()).toMatchObject({ nodes: { replica1: expect.any(String), replica2: 'ok' } });
  expect(ready.status).toBe(503);
  expect(app.output().stderr).toBe('');
});
