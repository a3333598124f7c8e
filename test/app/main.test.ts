import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort, type PostgresNode, startPostgres } from '../support/postgres.ts';
import { holdUser } from '../support/row-lock.ts';
import {
  databaseVariables,
  loadSmallDataSet,
  spawnApp,
  startApp,
  type Variables,
} from '../support/sample-app.ts';

let node: PostgresNode;
beforeAll(async () => {
  node = await startPostgres();
  await loadSmallDataSet(node);
});
afterAll(() => node[Symbol.asyncDispose]());

/** The whole of stderr when the program could not start. */
async function failure(variables: Variables): Promise<string> {
  await using app = await spawnApp(variables);
  expect(await app.ended).toEqual([1, null]);
  return app.output().stderr;
}

describe('a start that cannot succeed ends with exit code 1 and one line', () => {
  test('a missing variable', async () => {
    const { DB_HOST: _host, DB_USER: _user, ...rest } = databaseVariables(node);
    expect(await failure(rest)).toBe('[App] DB_HOST is not set; DB_USER is not set\n');
  });

  test.each(['0', 'http', '65536'])('PORT=%s', async (port) => {
    expect(await failure({ ...databaseVariables(node), PORT: port })).toBe('[App] PORT is not a port\n');
  });

  test('a port in use', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const address = squatter.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    const line = await failure({ ...databaseVariables(node), PORT: port });
    squatter.close();
    expect(line).toBe(
      `[App] 127.0.0.1:${port} is in use: stop the other program or set PORT to a free port\n`,
    );
  });

  test('a database that is not there', async () => {
    const port = String(await freePort());
    const line = await failure({ ...databaseVariables(node), DB_PORT: port });
    expect(line).toBe(
      `[App] cannot reach primary (127.0.0.1:${port}): connect ECONNREFUSED 127.0.0.1:${port}\n`,
    );
  });

  test('a wrong password', async () => {
    const line = await failure({ ...databaseVariables(node), DB_PASSWORD: 'wrong' });
    expect(line).toContain('password authentication failed');
    expect(line.trimEnd().split('\n')).toHaveLength(1);
  });
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s: in-flight requests finish, new ones are refused, exit 0',
  async (signal) => {
    await using app = await startApp(databaseVariables(node));
    await using lock = await holdUser(node, 1);
    const held = fetch(`${app.url}/users/1/status`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: '{"status":"BUSY"}',
    });
    await lock.waitedFor();
    app.child.kill(signal);
    while (!app.output().stdout.includes('[App] stopping')) await once(app.child.stdout ?? app.child, 'data');
    await expect(fetch(`${app.url}/healthz`)).rejects.toThrow('fetch failed');
    expect(app.child.exitCode).toBeNull();
    await lock.release();
    expect((await held).status).toBe(200);
    expect(await app.ended).toEqual([0, null]);
    expect(await node.query("SELECT FROM pg_stat_activity WHERE application_name = 'app'")).toEqual([]);
    expect(app.output().stderr).toBe('');
  },
);
