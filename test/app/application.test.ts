import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresNode, startPostgres } from '../support/postgres.ts';
import { type AppProcess, databaseVariables, loadSmallDataSet, startApp } from '../support/sample-app.ts';

let node: PostgresNode;
let app: AppProcess;
beforeAll(async () => {
  node = await startPostgres();
  await loadSmallDataSet(node);
  app = await startApp(databaseVariables(node));
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  readonly node: string | null;
  readonly body: unknown;
}

async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
  const content = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
  const response = await fetch(app.url + path, {
    method,
    ...content,
    headers: { 'content-type': 'application/json' },
  });
  return { status: response.status, node: response.headers.get('x-db-node'), body: await response.json() };
}

describe('reads', () => {
  test('every answer names its instance', async () => {
    expect((await fetch(`${app.url}/nothing`)).headers.get('x-app-instance')).toBe('app');
  });

  test('one agent, without the password hash', async () => {
    const answer = await ask('GET', '/users/7');
    const [row] = await node.query<{ name: string; email: string; role: string; status: string }>(
      'SELECT name, email, role, status FROM users WHERE id = 7',
    );
    expect(answer).toMatchObject({ status: 200, node: 'primary', body: { id: 7, teamId: 3, ...row } });
    expect(JSON.stringify(answer.body)).not.toMatch(/password|\$2b\$/i);
  });

  test('the latest interactions of an agent, newest first', async () => {
    const rows = await node.query<{ id: number }>(
      'SELECT id FROM interactions WHERE user_id = 1 ORDER BY id DESC LIMIT 20',
    );
    const answer = await ask('GET', '/users/1/interactions');
    expect(answer.body).toMatchObject(rows.map(({ id }) => ({ id, userId: 1 })));
    expect(rows).toHaveLength(20);
    expect((await ask('GET', '/users/1/interactions?limit=3')).body).toHaveLength(3);
  });

  test('an agent without interactions has an empty list; an unknown agent is a 404', async () => {
    await node.query('DELETE FROM interactions WHERE user_id = 200');
    expect(await ask('GET', '/users/200/interactions')).toMatchObject({ status: 200, body: [] });
    expect(await ask('GET', '/users/201/interactions')).toMatchObject({ status: 404 });
  });

  test('contacts by the beginning of their name, whatever its case', async () => {
    const rows = await node.query<{ id: number }>(
      "SELECT id FROM contacts WHERE name LIKE 'Marta %' ORDER BY created_at DESC LIMIT 20",
    );
    expect(rows.length).toBeGreaterThan(1);
    expect((await ask('GET', '/contacts?q=mARTA')).body).toMatchObject(rows);
    expect((await ask('GET', '/contacts?q=marta&limit=1')).body).toMatchObject(rows.slice(0, 1));
  });

  test.each(['%25%25', '__rta', 'a%5C', "o'brien"])('%s is text, not a pattern', async (q) => {
    expect(await ask('GET', `/contacts?q=${q}`)).toMatchObject({ status: 200, body: [] });
  });

  test("a team's dashboard agrees with its tables", async () => {
    const [expected] = await node.query<object>(
      `SELECT (SELECT json_object_agg(status, agents) FROM
          (SELECT status, count(*) AS agents FROM users WHERE team_id = 2 GROUP BY status) AS s) AS agents,
        (SELECT json_object_agg(channel, json_build_object('interactions', n)) FROM (
          SELECT channel, count(*) AS n FROM (
            SELECT channel, row_number() OVER (PARTITION BY user_id ORDER BY interactions.id DESC) AS rank
            FROM interactions JOIN users ON users.id = user_id WHERE team_id = 2 AND status = 'AVAILABLE'
          ) AS ranked WHERE rank <= 5 GROUP BY channel) AS c) AS channels`,
    );
    const answer = await ask('GET', '/teams/2/dashboard');
    expect(answer).toMatchObject({
      status: 200,
      node: 'primary',
      body: { id: 2, name: 'Team 2', ...expected },
    });
  });
});

describe('writes', () => {
  const interaction = {
    userId: 3,
    contactId: 4,
    channel: 'chat',
    durationSeconds: 60,
    notes: "it's\u0000fine",
  };
  const contact = { name: 'Ana Gil', email: 'ana.gil@customer.example', phone: '+34 600 000 000' };

  test('an interaction', async () => {
    const answer = await ask('POST', '/interactions', interaction);
    expect(answer).toMatchObject({ status: 201, node: 'primary', body: { userId: 3, durationSeconds: 60 } });
    const newest = await ask('GET', '/users/3/interactions?limit=1');
    expect(newest.body).toEqual([{ ...(answer.body as object), notes: "it's\\0fine" }]);
  });

  test('a contact, once', async () => {
    expect(await ask('POST', '/contacts', contact)).toMatchObject({ status: 201, body: contact });
    expect(await ask('POST', '/contacts', contact)).toMatchObject({
      status: 409,
      body: { error: 'email ana.gil@customer.example is taken', field: 'email' },
    });
  });

  test("an agent's status", async () => {
    expect(await ask('PATCH', '/users/9/status', { status: 'BREAK' })).toMatchObject({ status: 200 });
    expect((await ask('GET', '/users/9')).body).toMatchObject({ status: 'BREAK' });
  });

  test('assignments at the same time go to the least loaded agents, one each', async () => {
    await node.query("UPDATE users SET status = 'OFFLINE' WHERE team_id = 1");
    await node.query(
      "UPDATE users SET status = 'AVAILABLE', role = 'AGENT', open_interactions = 2 WHERE id IN (1, 5)",
    );
    await node.query("UPDATE users SET status = 'AVAILABLE', role = 'AGENT' WHERE id IN (9, 13, 17)");
    const three = await Promise.all(
      [1, 2, 3].map((contactId) => ask('POST', '/teams/1/assignments', { contactId })),
    );
    expect(three.map(({ status }) => status)).toEqual([201, 201, 201]);
    const agents = three.map(({ body }) => (body as { agentId: number }).agentId);
    expect(agents.sort((a, b) => a - b)).toEqual([9, 13, 17]);
    const rows = await node.query<object>(
      'SELECT user_id, count(*)::int AS rows, max(open_interactions)::int AS open FROM interactions JOIN users ON users.id = user_id ' +
        "WHERE notes = 'assigned' GROUP BY user_id ORDER BY user_id",
    );
    expect(rows).toEqual([9, 13, 17].map((user_id) => ({ user_id, rows: 1, open: 1 })));
  });

  test('an assignment that fails leaves nothing behind', async () => {
    const load =
      'SELECT sum(open_interactions)::int AS open, (SELECT count(*)::int FROM interactions) FROM users';
    const before = await node.query(load);
    const answer = await ask('POST', '/teams/2/assignments', { contactId: 9_999 });
    expect(answer).toMatchObject({
      status: 409,
      body: { error: 'contactId does not exist', field: 'contactId' },
    });
    expect(await node.query(load)).toEqual(before);
  });

  test('a team where nobody is available is a conflict, not an error', async () => {
    await node.query("UPDATE users SET status = 'BUSY' WHERE team_id = 4");
    expect(await ask('POST', '/teams/4/assignments', { contactId: 1 })).toMatchObject({ status: 409 });
  });

  const rejected = [
    ['POST', '/interactions', { ...interaction, userId: 9_999 }, 409, 'userId'],
    ['POST', '/interactions', { ...interaction, channel: 'fax' }, 400, 'channel'],
    ['POST', '/interactions', { ...interaction, durationSeconds: -1 }, 400, 'durationSeconds'],
    ['POST', '/interactions', { ...interaction, userId: '3' }, 400, 'userId'],
    ['POST', '/interactions', { ...interaction, contactId: 2 ** 31 }, 400, 'contactId'],
    ['POST', '/interactions', '{"userId":', 400, 'body'],
    ['POST', '/interactions', '[1]', 400, 'body'],
    ['POST', '/interactions', undefined, 400, 'userId'],
    ['POST', '/interactions', { notes: 'x'.repeat(9_000) }, 413, 'body'],
    ['POST', '/contacts', { ...contact, email: 'ana' }, 400, 'email'],
    ['POST', '/contacts', { ...contact, name: ' ' }, 400, 'name'],
    ['POST', '/contacts', { ...contact, phone: 'x' }, 400, 'phone'],
    ['PATCH', '/users/9/status', { status: 'ASLEEP' }, 400, 'status'],
    ['PATCH', '/users/9999/status', { status: 'BUSY' }, 404, 'id'],
    ['POST', '/teams/1/assignments', {}, 400, 'contactId'],
    ['POST', '/teams/9/assignments', { contactId: 1 }, 404, 'id'],
    ['GET', '/users/0', undefined, 400, 'id'],
    ['GET', '/users/1e1', undefined, 400, 'id'],
    ['GET', '/users/2147483648', undefined, 400, 'id'],
    ['GET', '/users/201', undefined, 404, 'id'],
    ['GET', '/users/1/interactions?limit=0', undefined, 400, 'limit'],
    ['GET', '/users/1/interactions?limit=101', undefined, 400, 'limit'],
    ['GET', '/contacts', undefined, 400, 'q'],
    ['GET', '/contacts?q=a', undefined, 400, 'q'],
    ['GET', '/contacts?q=ab&q=cd', undefined, 400, 'q'],
    ['GET', '/teams/5/dashboard', undefined, 404, 'id'],
    ['GET', '/users/%ff', undefined, 400, undefined],
    ['GET', '/nothing', undefined, 404, undefined],
  ] as const;
  test.each(rejected)('%s %s %j is answered %i, naming %s', async (method, path, body, status, field) => {
    const answer = await ask(method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ error: expect.any(String), ...(field !== undefined && { field }) });
  });
});

test('metrics tell durations by route, pools, event-loop delay and GC', async () => {
  await ask('GET', '/users/1');
  const text = await (await fetch(`${app.url}/metrics`)).text();
  const expected = [
    /^http_request_duration_seconds_count\{method="GET",route="\/users\/:id",status="200"\} [1-9]/m,
    /^db_pool_size\{pool="all"\} [1-9]/m,
    /^db_pool_connections\{pool="all",state="in_use"\} 0$/m,
    /^db_pool_connections\{pool="all",state="waiting"\} 0$/m,
    /^db_pool_wait_seconds_count\{node="primary"\} [1-9]/m,
    /^nodejs_eventloop_lag_p99_seconds [0-9]/m,
    /^# TYPE nodejs_gc_duration_seconds histogram$/m,
  ];
  for (const line of expected) expect(text).toMatch(line);
  // Labels come from routes, never from what clients type: a scan must not fill the memory.
  expect(text).not.toContain('/users/1"');
  expect(text).not.toContain('nothing');
});

test('nothing unexpected was reported, and no request was logged', () => {
  const { stdout, stderr } = app.output();
  expect(stderr).toBe('');
  expect(stdout.trimEnd().split('\n')).toHaveLength(2);
});
