import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tableNames } from '../../src/db/schema.ts';
import { type PostgresNode, startPostgres } from '../support/postgres.ts';
import { databaseVariables, loadSmallDataSet, smallDataSet, spawnApp } from '../support/sample-app.ts';

let node: PostgresNode;
beforeAll(async () => {
  node = await startPostgres();
  await loadSmallDataSet(node);
});
afterAll(() => node[Symbol.asyncDispose]());

/** One hash over all rows of all tables. */
async function fingerprint(): Promise<string> {
  const hashes: string[] = [];
  for (const table of tableNames) {
    const [row] = await node.query<{ hash: string }>(
      `SELECT md5(string_agg(t::text, '|' ORDER BY id)) AS hash FROM ${table} AS t`,
    );
    hashes.push(row?.hash ?? '');
  }
  return hashes.join(' ');
}

test('equal seeds give equal rows, on this machine and on the one that wrote this line', async () => {
  await node.query("ALTER ROLE postgres SET timezone = 'UTC'");
  const before = await fingerprint();
  await loadSmallDataSet(node);
  expect(await fingerprint()).toBe(before);
  expect(before).toMatchInlineSnapshot(
    `"87c567efee8d4e2fcd9fd459ff6b93f8 00e25eabd26ec9af7c4138b47d4ce8ef 30d49c07e9b7bdf91b534f5e787794f9 86f68504d9541a1c21683bcc504cead5"`,
  );
});

test('another seed gives other rows', async () => {
  const before = await fingerprint();
  await loadSmallDataSet(node, { ...smallDataSet, seed: 8 });
  const other = await fingerprint();
  await loadSmallDataSet(node);
  expect(other).not.toBe(before);
});

describe.each(tableNames)('%s', (table) => {
  test('ids are dense from 1, and the next row gets the next id', async () => {
    const [ids] = await node.query<object>(
      `SELECT min(id) AS first, max(id) AS last, count(*)::int AS rows,
        nextval(pg_get_serial_sequence('${table}', 'id'))::int AS next FROM ${table}`,
    );
    const rows = smallDataSet[table];
    expect(ids).toEqual({ first: 1, last: rows, rows, next: rows + 1 });
  });

  test('nothing is left for autovacuum to do in the middle of a measurement', async () => {
    const [debts] = await node.query<object>(
      `SELECT n_mod_since_analyze::int AS modified, n_ins_since_vacuum::int AS inserted, n_live_tup::int AS live
      FROM pg_stat_user_tables WHERE relname = '${table}'`,
    );
    expect(debts).toEqual({ modified: 0, inserted: 0, live: smallDataSet[table] });
  });
});

test('agents of every team, every role and every status are there', async () => {
  const [counts] = await node.query<object>(
    `SELECT count(DISTINCT team_id)::int AS teams, count(DISTINCT status)::int AS statuses,
      bool_or(role = 'SUPERVISOR') AS supervisors FROM users`,
  );
  expect(counts).toEqual({ teams: 4, statuses: 4, supervisors: true });
});

test('the first agents are the busiest', async () => {
  const [share] = await node.query<{ first: number; last: number }>(
    `SELECT count(*) FILTER (WHERE user_id <= 50)::int AS first,
      count(*) FILTER (WHERE user_id > 150)::int AS last FROM interactions`,
  );
  // A quarter of the agents: sqrt(1/4) of the interactions for the first, 1 - sqrt(3/4) for the last.
  expect(share?.first).toBeGreaterThan(400);
  expect(share?.last).toBeLessThan(200);
});

describe('the prepare program', () => {
  test('replaces an earlier data set by the size in the environment', async () => {
    const size = {
      DATA_SEED: '3',
      DATA_TEAMS: '2',
      DATA_USERS: '20',
      DATA_CONTACTS: '30',
      DATA_INTERACTIONS: '40',
    };
    await using run = await spawnApp({ ...databaseVariables(node), ...size }, 'src/db/prepare.ts');
    expect(await run.ended).toEqual([0, null]);
    expect(run.output().stdout).toMatch(/^\[Prepare\] done in \d+ ms$/m);
    const [counts] = await node.query<object>(
      `SELECT (SELECT count(*)::int FROM users) AS users, (SELECT count(*)::int FROM contacts) AS contacts,
        (SELECT count(*)::int FROM interactions) AS interactions, (SELECT count(*)::int FROM teams) AS teams`,
    );
    expect(counts).toEqual({ users: 20, contacts: 30, interactions: 40, teams: 2 });
  });

  test('refuses to drop a table of the same name that it did not make', async () => {
    await node.query('CREATE DATABASE occupied');
    const elsewhere = { ...databaseVariables(node), DB_NAME: 'occupied' };
    await using first = await spawnApp({ ...elsewhere, DATA_INTERACTIONS: '10' }, 'src/db/prepare.ts');
    expect(await first.ended).toEqual([0, null]);
    const inside = new URL(`postgres://postgres:${node.password}@127.0.0.1:${node.port}/occupied`);
    await node.query('ALTER DATABASE occupied SET timezone = UTC');
    const { Client } = await import('pg');
    const client = new Client({ connectionString: inside.href });
    await client.connect();
    await client.query('DROP TABLE replibench_data_set');
    await client.end();
    await using second = await spawnApp(elsewhere, 'src/db/prepare.ts');
    expect(await second.ended).toEqual([1, null]);
    expect(second.output().stderr).toBe(
      '[Prepare] the database already has a table "contacts" that is not of this data set: use an empty database\n',
    );
  });

  const mistakes = [
    [{ DATA_USERS: '0' }, 'configuration: DATA_USERS is below 1'],
    [{ DATA_SEED: 'x' }, 'configuration: DATA_SEED is not a number'],
    [{ DB_PASSWORD: 'wrong' }, 'password authentication failed for user "postgres"'],
    [{ DB_PORT: '1' }, 'PostgreSQL at 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1'],
  ] as const;
  test.each(mistakes)('%o ends with exit code 1 and one line', async (variables, message) => {
    await using run = await spawnApp({ ...databaseVariables(node), ...variables }, 'src/db/prepare.ts');
    expect(await run.ended).toEqual([1, null]);
    expect(run.output().stderr).toContain(message);
    expect(run.output().stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
