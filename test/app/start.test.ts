import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { advisoryLock } from '../../src/db/prepare-if-empty.ts';
import { freePort, type ReplicatedPostgres, startReplicated } from '../support/postgres.ts';
import { type AppProcess, databaseVariables, spawnApp, type Variables } from '../support/sample-app.ts';

let cluster: ReplicatedPostgres;
let folder: string;
beforeAll(async () => {
  cluster = await startReplicated(1);
  folder = await mkdtemp(join(tmpdir(), 'replibench-test-'));
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const smallData: Variables = {
  DATA_TEAMS: '2',
  DATA_USERS: '20',
  DATA_CONTACTS: '30',
  DATA_INTERACTIONS: '40',
};

/** Variables for a database of its own, so that each test meets it empty. */
async function newDatabase(name: string): Promise<Variables> {
  await cluster.primary.query(`CREATE DATABASE ${name}`);
  return { ...databaseVariables(cluster.primary), ...smallData, DB_NAME: name };
}

async function said(app: AppProcess, text: string): Promise<void> {
  while (!app.output().stdout.includes(text)) {
    if (app.child.exitCode !== null) throw new Error(`the application ended: ${app.output().stderr}`);
    await Promise.race([once(app.child.stdout ?? app.child, 'data'), app.ended]);
  }
}

const occurrences = (text: string, part: string): number => text.split(part).length - 1;

describe('DB_WAIT_MS', () => {
  test('waits for the file of the password, then for the right password, and says so once', async () => {
    const { DB_PASSWORD: password = '', ...rest } = databaseVariables(cluster.primary);
    const file = join(folder, 'late');
    await using app = await spawnApp({ ...rest, DB_PASSWORD_FILE: file, DB_WAIT_MS: '60000' });
    await said(app, `waiting up to 60 s: DB_PASSWORD_FILE names ${file}: there is no such file`);
    await writeFile(file, 'of an earlier start\n');
    await said(app, 'password authentication failed');
    await writeFile(file, `${password}\n`);
    await said(app, 'listening on');
    expect(occurrences(app.output().stdout, 'waiting up to')).toBe(2);
    expect(app.output().stdout).not.toContain(password);
  });

  test('a standby is not the primary: the time passes, and the reason is told', async () => {
    const [replica] = cluster.replicas;
    const variables = { ...databaseVariables(cluster.primary), DB_PORT: String(replica?.port) };
    await using app = await spawnApp({ ...variables, DB_WAIT_MS: '600' });
    expect(await app.ended).toEqual([1, null]);
    expect(app.output().stderr).toBe(
      `[App] cannot reach primary (127.0.0.1:${replica?.port}): it is a standby, not promoted\n`,
    );
  });

  test('a wrong variable is told at once, whatever is missing beside it', async () => {
    await using app = await spawnApp({
      ...{ DB_HOST: 'nowhere', DB_NAME: 'app', DB_PASSWORD_FILE: '/nowhere' },
      DB_WAIT_MS: '600000',
    });
    expect(await app.ended).toEqual([1, null]);
    expect(app.output().stderr).toBe('[App] DB_USER is not set\n');
  });

  test('a stop ends the waiting', async () => {
    const nobody = { ...databaseVariables(cluster.primary), DB_PORT: String(await freePort()) };
    await using app = await spawnApp({ ...nobody, DB_WAIT_MS: '600000' });
    await said(app, 'waiting up to 600 s: cannot reach primary');
    app.child.kill('SIGTERM');
    expect(await app.ended).toEqual([0, null]);
  });
});

describe('DB_PREPARE=if-empty', () => {
  test('begins anew when the server drops the connection in the middle', async () => {
    const variables = { ...(await newDatabase('dropped')), DB_PREPARE: 'if-empty', APP_NAME: 'dropped' };
    const { port, user, password } = cluster.primary;
    const holder = new Client({ host: '127.0.0.1', port, user, password, database: 'dropped' });
    await holder.connect();
    try {
      await holder.query(`SELECT pg_advisory_lock(${advisoryLock})`);
      await using app = await spawnApp({ ...variables, DB_WAIT_MS: '600000' });
      const waiting = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'dropped' AND wait_event_type = 'Lock'`;
      while ((await holder.query(waiting)).rows.length === 0) await delay(50);
      await said(app, 'waiting up to 600 s: cannot reach primary');
      await holder.query(`SELECT pg_advisory_unlock(${advisoryLock})`);
      await said(app, 'schema and data made');
      await said(app, 'listening on');
    } finally {
      await holder.end();
    }
  });

  test('three instances at once make the data set once', async () => {
    const variables = { ...(await newDatabase('three')), DB_PREPARE: 'if-empty' };
    await using one = await spawnApp(variables);
    await using two = await spawnApp(variables);
    await using three = await spawnApp(variables);
    const apps = [one, two, three];
    await Promise.all(apps.map((app) => said(app, 'listening on')));
    const output = apps.map((app) => app.output().stdout).join('');
    expect(occurrences(output, 'schema and data made')).toBe(1);
    expect(occurrences(output, 'schema and data are there already')).toBe(2);
    expect((await fetch(`${one.url}/users/20`)).status).toBe(200);
  });

  test('keeps what was written, and starts over a load that was cut off', async () => {
    const variables = { ...(await newDatabase('kept')), DB_PREPARE: 'if-empty' };
    const userName = async (): Promise<unknown> => {
      await using app = await spawnApp(variables);
      await said(app, 'listening on');
      const change = { method: 'PATCH', headers: { 'content-type': 'application/json' } };
      const before = await fetch(`${app.url}/users/1`).then((response) => response.json());
      await fetch(`${app.url}/users/1/status`, { ...change, body: '{"status":"OFFLINE"}' });
      return (before as { status: string }).status;
    };
    expect(await userName()).not.toBe('OFFLINE');
    expect(await userName()).toBe('OFFLINE');
    const { query } = cluster.primary.in('kept');
    await query('UPDATE replibench_data_set SET complete = false');
    expect(await userName()).not.toBe('OFFLINE');
  });

  test('keeps what was written when an operator has dropped keys and indexes', async () => {
    const variables = { ...(await newDatabase('altered')), DB_PREPARE: 'if-empty' };
    const start = async (): Promise<void> => {
      await using app = await spawnApp(variables);
      await said(app, 'listening on');
    };
    await start();
    const { query } = cluster.primary.in('altered');
    await query('ALTER TABLE interactions DROP CONSTRAINT interactions_contact_id_fkey');
    await query("INSERT INTO teams (name) VALUES ('written later')");
    await start();
    expect(await query("SELECT FROM teams WHERE name = 'written later'")).toHaveLength(1);
  });

  test('works for a role without privileges beyond its own database', async () => {
    const variables = await newDatabase('owned');
    await cluster.primary.query("CREATE ROLE modest LOGIN PASSWORD 'modest'");
    await cluster.primary.query('ALTER DATABASE owned OWNER TO modest');
    const login = { DB_USER: 'modest', DB_PASSWORD: 'modest', DB_PREPARE: 'if-empty' };
    await using app = await spawnApp({ ...variables, ...login });
    await said(app, 'listening on');
    expect(app.output().stderr).toBe('');
  });

  test('leaves tables of somebody else alone', async () => {
    const variables = await newDatabase('foreign_tables');
    const { query } = cluster.primary.in('foreign_tables');
    await query('CREATE TABLE users (id integer)');
    await using app = await spawnApp({ ...variables, DB_PREPARE: 'if-empty' });
    await said(app, 'listening on');
    expect(await query("SELECT FROM pg_class WHERE relname = 'replibench_data_set'")).toEqual([]);
  });
});
