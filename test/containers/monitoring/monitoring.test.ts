import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { docker } from '../../../bench/topology/docker/engine.ts';
import { type ComposeStack, composeStack, type NodeName } from '../support/compose.ts';
import { describeWithEngine } from '../support/engine.ts';
import { until } from '../support/until.ts';
import { dashboardExpressions, shippedRules } from './expressions.ts';
import { configuration, impatientConfiguration, type Prometheus, prometheusAt } from './prometheus.ts';

const monitoring = ['prometheus', ...['primary', 'replica1', 'replica2'].map(exporterOf)];
const ruleTests = (await readdir(path.join(configuration, 'tests'))).sort();

describeWithEngine('the replicated stack with the profile monitoring', () => {
  const lifetime = new AsyncDisposableStack();
  let stack: ComposeStack;
  let prometheus: Prometheus;

  beforeAll(async () => {
    const { folder } = lifetime.use(await impatientConfiguration());
    const variables = { COMPOSE_PROFILES: 'monitoring', PROMETHEUS_CONFIG_FOLDER: folder, CACHE: 'redis' };
    stack = lifetime.use(await composeStack({ variables }));
    await stack.up();
    prometheus = prometheusAt(`http://127.0.0.1:${stack.variables['PROMETHEUS_PORT']}`);
  });
  afterAll(() => lifetime.disposeAsync());

  const fires = (...expected: string[]) =>
    until(expected.join(', '), async () => {
      const firing = await prometheus.firing();
      return expected.every((alert) => firing.includes(alert));
    });
  const silence = () => until('silence', async () => (await prometheus.firing()).length === 0);

  it('scrapes every node and every instance of the application', async () => {
    const targets = await until('all targets', async () => {
      const seen = await prometheus.targets();
      return seen.every(({ health }) => health === 'up') && seen;
    });
    expect(targets).toHaveLength(7);
  });

  it('has an answer to every expression of the dashboard and the rules', async () => {
    const { recorded, selectors } = await shippedRules();
    expect(selectors.length).toBeGreaterThan(5);
    // A slot that loses WAL is what the healthy stack does not have.
    const healthy = selectors.map((selector) => selector.replace(/wal_status=~"[^"]*"/, 'wal_status!=""'));
    for (const expression of [...(await dashboardExpressions()), ...recorded, ...healthy]) {
      await until(`samples of ${expression}`, async () => {
        await visit(stack.url);
        return (await prometheus.query(expression)).some(({ value: [, value] }) => value !== 'NaN');
      });
    }
  });

  it('says nothing about a healthy stack', async () => {
    await silence();
    await until(
      'no lag',
      async () => (await prometheus.query('node:replication_lag:bytes > 0')).length === 0,
    );
  });

  it('hands no password to an environment, a command line or a log, and runs without root', async () => {
    const secret = stack.variables['MONITORING_PASSWORD'] ?? '';
    for (const service of monitoring) {
      expect(JSON.stringify(await stack.inspect(service, '{{json .}}')), service).not.toContain(secret);
      expect(await stack.inspect(service, '{{.Config.User}}'), service).toBe('nobody');
    }
    expect(await stack.logs(...monitoring)).not.toContain(secret);
  });

  it('alerts on a replica that stopped and on one that does not replay, until they are mended', async () => {
    await stack.query('replica1', 'SELECT pg_wal_replay_pause()');
    await stack.query('primary', walOf(110));
    await stack.compose('stop', '--timeout', '5', 'postgres-replica2');
    await fires(
      'ReplicaLagBytes replica1',
      'ReplicaLagSeconds replica1',
      'ReplicaLagBytes replica2',
      'ReplicaLagSeconds replica2',
      'ReplicaNotStreaming replica2',
      'PostgresNotObserved replica2',
    );
    expect(await prometheus.firing()).not.toContain('ReplicaNotStreaming replica1');

    await stack.query('replica1', 'SELECT pg_wal_replay_resume()');
    await stack.compose('start', 'postgres-replica2');
    await silence();
  });

  it('alerts on a replica that cancels many queries', async () => {
    await stack.query('replica1', 'ALTER SYSTEM SET max_standby_streaming_delay = 0');
    await stack.query('replica1', 'SELECT pg_reload_conf()');
    await stack.query('primary', 'CREATE TABLE wanted ()');
    const readers = await readersOf(stack, 'replica1', 'wanted', 11);
    await stack.query('primary', 'DROP TABLE wanted');
    await readers.cancelled;
    await fires('ReplicaConflicts replica1');
  });
});

describeWithEngine('the rules, in the image of Prometheus', () => {
  const promtool = (...args: string[]) => {
    const image = process.env['PROMETHEUS_IMAGE'] ?? 'prom/prometheus:v3.5.0';
    const mount = `${configuration}:/etc/prometheus:ro`;
    return docker(['run', '--rm', '--network=none', '-v', mount, '--entrypoint=promtool', image, ...args]);
  };

  it('are valid', async () => {
    const { stdout } = await promtool('check', 'config', '/etc/prometheus/prometheus.yml');
    expect(stdout).toContain('1 rule files found');
  });

  it.each(ruleTests)('hold in %s', async (file) => {
    expect((await promtool('test', 'rules', `/etc/prometheus/tests/${file}`)).stdout).toContain('SUCCESS');
  });
});

function exporterOf(node: string): string {
  return `postgres-exporter-${node}`;
}

/** One request of every kind that the dashboard draws. */
async function visit(url: string): Promise<void> {
  const paths = ['/users/1', '/users/1', '/teams/1/dashboard', '/contacts?search=a'];
  for (const one of paths) await (await fetch(url + one)).arrayBuffer();
}

/** A statement that writes so many MB of WAL and nothing else. */
function walOf(megabytes: number): string {
  return `SELECT count(pg_logical_emit_message(false, 'fill', repeat('x', 1000000)))
            FROM generate_series(1, ${megabytes})`;
}

/** Transactions that hold a table on a replica; `cancelled` resolves when the replica has ended all of them. */
async function readersOf(
  stack: ComposeStack,
  node: NodeName,
  table: string,
  count: number,
): Promise<{ readonly cancelled: Promise<unknown> }> {
  await until(`${table} on ${node}`, () => stack.query(node, `SELECT FROM ${table}`));
  const ends: Promise<unknown>[] = [];
  const hold = async (): Promise<void> => {
    const client = new Client({
      host: '127.0.0.1',
      port: Number(stack.variables[`${node.toUpperCase()}_PORT`]),
      database: 'app',
      user: 'postgres',
      password: stack.variables['POSTGRES_PASSWORD'],
    });
    ends.push(new Promise((resolve) => client.once('end', resolve).on('error', () => undefined)));
    await client.connect();
    await client.query(`BEGIN; SELECT FROM ${table}`);
  };
  await Promise.all(Array.from({ length: count }, hold));
  return { cancelled: Promise.all(ends) };
}
