/** Each fault as the program itself shows it, beside the same program without. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresNode, startPostgres } from '../../support/postgres.ts';
import { holdUser } from '../../support/row-lock.ts';
import { type AppProcess, databaseVariables, loadSmallDataSet, startApp } from '../../support/sample-app.ts';

let node: PostgresNode;
let plain: AppProcess;
beforeAll(async () => {
  node = await startPostgres();
  await loadSmallDataSet(node);
  // A copy for the test that spoils its database.
  await node.query('CREATE DATABASE spoilt TEMPLATE postgres');
  plain = await startApp(databaseVariables(node));
});
afterAll(async () => {
  await plain[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

const injected = (INJECT: string, DB_NAME = 'postgres'): Promise<AppProcess> =>
  startApp({ ...databaseVariables(node), APP_NAME: 'injected', DB_NAME, INJECT });

const reads = [
  '/users/7',
  '/users/1/interactions',
  '/users/2/interactions?limit=3',
  '/users/9999/interactions',
  '/contacts?q=marta',
  '/teams/2/dashboard',
];

async function answers(app: AppProcess): Promise<unknown> {
  return Promise.all(
    reads.map(async (path) => {
      const response = await fetch(app.url + path);
      return [path, response.status, await response.json()];
    }),
  );
}

/** Sum of a metric of the application over all its labels that match. */
async function metric(app: AppProcess, name: RegExp): Promise<number> {
  const text = await (await fetch(`${app.url}/metrics`)).text();
  const values = text
    .split('\n')
    .filter((line) => name.test(line))
    .map((line) => Number(line.split(' ').at(-1)));
  expect(values.length).toBeGreaterThan(0);
  return values.reduce((sum, value) => sum + value, 0);
}

/** Every query takes a connection from the pool, and is counted when it gets it. */
async function queriesOf(app: AppProcess, path: string): Promise<number> {
  const count = (): Promise<number> => metric(app, /^db_pool_wait_seconds_count\{/);
  await (await fetch(app.url + path)).text();
  const before = await count();
  await (await fetch(app.url + path)).text();
  return (await count()) - before;
}

test('n-plus-one: the same answers by one query more for each row', async () => {
  await using app = await injected('n-plus-one');
  expect(app.output().stderr).toBe('[App] ! INJECT: the conversations of an agent are read one by one\n');
  expect(await answers(app)).toEqual(await answers(plain));
  expect(await queriesOf(plain, '/users/1/interactions')).toBe(1);
  expect(await queriesOf(app, '/users/1/interactions')).toBe(21);
  expect(await queriesOf(app, '/users/1/interactions?limit=3')).toBe(4);
  expect(await queriesOf(app, '/users/7')).toBe(1);
});

describe('dropped-index', () => {
  const indexes = async (): Promise<readonly string[]> => {
    const rows = await node
      .in('spoilt')
      .query<{ name: string }>(
        "SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
      );
    return rows.map(({ name }) => name);
  };

  test('the index is gone when the application answers, alone, and the answers are the same', async () => {
    const before = await indexes();
    expect(before).toEqual(expect.arrayContaining(['interactions_user_id', 'contacts_name_prefix']));
    {
      await using app = await injected('dropped-index', 'spoilt');
      expect(app.output().stderr).toBe('[App] ! INJECT: the index interactions_user_id is dropped\n');
      expect(await answers(app)).toEqual(await answers(plain));
    }
    expect(await indexes()).toEqual(before.filter((name) => name !== 'interactions_user_id'));
    {
      await using app = await injected('dropped-index:contacts_name_prefix', 'spoilt');
      expect(await answers(app)).toEqual(await answers(plain));
    }
    expect(await indexes()).toEqual(
      before.filter((name) => !['interactions_user_id', 'contacts_name_prefix'].includes(name)),
    );
  });

  test('an index that is gone already is no reason not to start', async () => {
    await node.in('spoilt').query('DROP INDEX IF EXISTS interactions_user_id');
    await using app = await injected('dropped-index', 'spoilt');
    expect(app.output().stderr).toBe(
      '[App] ! INJECT: the index interactions_user_id was not there already\n',
    );
  });
});

test('pool-of-1: of three requests at the same time two wait for the connection of the first', async () => {
  await using app = await injected('pool-of-1');
  expect(app.output().stderr).toBe('[App] ! INJECT: each pool has one connection\n');
  expect(await threeAtOnce(plain, 'app')).toBeGreaterThanOrEqual(3);
  expect(await threeAtOnce(app, 'injected')).toBe(1);
  expect(await answers(app)).toEqual(await answers(plain));
});

/** How many connections the application has made when three requests wait for the same row, or for a connection. */
async function threeAtOnce(app: AppProcess, name: string): Promise<number> {
  await using lock = await holdUser(node, 1);
  const held = [1, 2, 3].map(() =>
    fetch(`${app.url}/users/1/status`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: '{"status":"BUSY"}',
    }),
  );
  await lock.waitedFor();
  while ((await metric(app, /^db_pool_connections\{.*state="(in_use|waiting)"/)) < 3) await delay(20);
  await lock.release();
  expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200, 200]);
  // Idle ones stay open for a minute, so whatever was opened is still there.
  const rows = await node.query(`SELECT FROM pg_stat_activity WHERE application_name = '${name}'`);
  return rows.length;
}

test('busy-loop: each request costs at least as much CPU as was asked for', async () => {
  await using app = await injected('busy-loop:20');
  expect(app.output().stderr).toBe('[App] ! INJECT: every request costs 20 ms of CPU more\n');
  const cpu = (): Promise<number> => metric(app, /^process_cpu_seconds_total /);
  await answers(app);
  const before = await cpu();
  for (let request = 0; request < 50; request += 1) await (await fetch(`${app.url}/users/7`)).text();
  // Counted by the kernel, not by a clock: a busy machine changes how long this takes, and not what it costs.
  expect((await cpu()) - before).toBeGreaterThan(50 * 0.02);
  expect(await answers(app)).toEqual(await answers(plain));
});
