import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Reading } from '../../bench/model.ts';
import { machineFacts, postgresSettings } from '../../bench/probes/fingerprint.ts';
import { createLagProbe } from '../../bench/probes/lag.ts';
import { createPostgresProbe } from '../../bench/probes/postgres.ts';
import type { Probe } from '../../bench/probes/probe.ts';
import { startCluster, type TestCluster, type TestNode, until } from './cluster.ts';

let cluster: TestCluster;
let primary: TestNode;
let replicas: readonly TestNode[];

beforeAll(async () => {
  const settings = [
    'max_standby_streaming_delay = 0',
    'wal_keep_size = 512MB',
    "archive_command = 'cp %p /tmp/secret-archive/%f'",
    "log_directory = '/tmp/secret-logs'",
    "cluster_name = 'secret-name'",
    "log_line_prefix = 'at /tmp/secret-place'",
  ];
  cluster = await startCluster({ replicas: 2, settings });
  ({ primary, replicas } = cluster);
  await primary.query('CREATE TABLE entry (id int)');
  await cluster.caughtUp();
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

describe('what PostgreSQL says', () => {
  test('counts WAL since the first sample, and commits', async () => {
    await using probe = postgresProbe();
    const first = await valuesOf(probe, 'postgres', 'primary');
    await primary.query('INSERT INTO entry SELECT generate_series(1, 1000)');
    await primary.query('INSERT INTO entry VALUES (1)');
    const second = await valuesOf(probe, 'postgres', 'primary');
    expect(first['walBytes']).toBe(0);
    // A row of this table is at least 24 bytes of tuple header.
    expect(second['walBytes']).toBeGreaterThan(24_000);
    expect(second['xactCommits']).toBeGreaterThanOrEqual(first['xactCommits'] ?? Number.NaN);
  });

  test('shows each replica as the primary sees it', async () => {
    await using probe = postgresProbe();
    await primary.query('INSERT INTO entry VALUES (1)');
    await cluster.caughtUp();
    for (const { address } of replicas)
      await until(async () => {
        const values = await valuesOf(probe, 'postgres', address.name);
        return values['streaming'] === 1 && values['replayBytes'] === 0 && values['sendBytes'] === 0;
      });
  });

  test('the view keeps an old lag behind one pending record, while ours grows', async () => {
    const [first] = replicas;
    if (first === undefined) throw new Error('no replica');
    await using probe = postgresProbe();
    await using lag = createLagProbe({ primary: primary.address, replicas: [first.address] });
    await primary.query('INSERT INTO entry VALUES (1)');
    await cluster.caughtUp();
    await lag.sample();
    await first.query('SELECT pg_wal_replay_pause()');
    try {
      await primary.query('INSERT INTO entry VALUES (1)');
      await until(async () => ((await lag.sample())[0]?.values['lagLowerMs'] ?? 0) > 1_000);
      const values = await valuesOf(probe, 'postgres', 'replica1');
      expect(values['replayBytes']).toBeGreaterThan(0);
      expect(values['viewReplayLagMs'] ?? 0).toBeLessThan(1_000);
    } finally {
      await first.query('SELECT pg_wal_replay_resume()');
    }
    await cluster.caughtUp();
  });

  test('counts queries that recovery cancelled', async () => {
    const [first] = replicas;
    if (first === undefined) throw new Error('no replica');
    await using probe = postgresProbe({ conflictsEveryMs: 0 });
    const before = await valuesOf(probe, 'conflicts', 'replica1');
    // A snapshot that still needs the rows that the primary removes.
    await first.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await first.query('SELECT count(*) FROM entry');
    await primary.query('DELETE FROM entry');
    await until(async () => {
      // Again: the first one may have come while something else still needed the rows.
      await primary.query('VACUUM entry');
      const now = await valuesOf(probe, 'conflicts', 'replica1');
      return (now['conflicts'] ?? 0) > (before['conflicts'] ?? Number.NaN);
    });
    // An idle transaction loses its connection by that.
    await first.query('ROLLBACK').catch(() => undefined);
    expect(await valuesOf(probe, 'conflicts', 'replica2')).toEqual({ conflicts: 0 });
  });

  test('a standby that left the view does not stream, and has no lag there', async () => {
    const [, second] = replicas;
    if (second === undefined) throw new Error('no replica');
    await using probe = postgresProbe({ conflictsEveryMs: 0 });
    await second.kill();
    const problems: unknown[] = [];
    await until(async () => {
      const readings = await probe.sample((problem) => problems.push(problem));
      return valuesIn(readings, 'postgres', 'replica2')['streaming'] === 0;
    });
    const readings = await probe.sample((problem) => problems.push(problem));
    expect(valuesIn(readings, 'postgres', 'replica2')).toEqual({ streaming: 0 });
    const conflicts = readings.filter((reading) => reading.probe === 'conflicts');
    expect(new Set(conflicts.map(({ subject }) => subject))).toEqual(new Set(['replica1']));
    expect(String(problems[0])).toMatch(/replica2 cannot be asked by a probe/);
    await second.start();
    await until(async () => (await valuesOf(probe, 'postgres', 'replica2'))['streaming'] === 1);
  });

  test('a primary that is away is told, and the conflicts are still read', async () => {
    await using probe = createPostgresProbe({
      nodes: [{ ...primary.address, port: 1 }, ...replicas.map(({ address }) => address)],
    });
    const problems: unknown[] = [];
    const readings: Reading[] = [];
    await until(async () => {
      readings.push(...(await probe.sample((problem) => problems.push(problem))));
      return readings.length >= 2;
    });
    expect(new Set(readings.map((reading) => reading.probe))).toEqual(new Set(['conflicts']));
    expect(String(problems[0])).toMatch(/primary cannot be asked by a probe: .*ECONNREFUSED/);
  });
});

describe('fingerprint', () => {
  test('has the settings that are not defaults, without places and secrets', async () => {
    const { postgres, postgresSettings: settings } = await postgresSettings(primary.address);
    expect(postgres).toMatch(/^\d+\.\d+/);
    expect(settings).toMatchObject({ wal_keep_size: '512MB', max_standby_streaming_delay: '0' });
    const text = JSON.stringify(settings);
    expect(text).not.toMatch(/secret|\/tmp|conninfo|password=/);
    expect(text).not.toContain(String(primary.address.port));
    // Of this connection, not of the server.
    expect(settings).not.toHaveProperty('application_name');
    expect(settings).not.toHaveProperty('client_encoding');
  });

  test('of a replica does not tell how it reaches the primary', async () => {
    const [first] = replicas;
    if (first === undefined) throw new Error('no replica');
    const text = JSON.stringify(await postgresSettings(first.address));
    expect(text).not.toContain(primary.address.password);
    expect(text).not.toContain('primary_conninfo');
  });

  test('has the machine, and no fsync time of a folder that is not there', async () => {
    const facts = await machineFacts(import.meta.dirname, '/');
    expect(facts.cores).toBeGreaterThan(0);
    expect(facts.fsyncMs).toBeGreaterThan(0);
    expect([facts.gitCommit, facts.gitDirty]).toEqual([null, null]);
    expect((await machineFacts('/nowhere')).fsyncMs).toBeNull();
  });
});

function postgresProbe(options: { readonly conflictsEveryMs?: number } = {}): Probe {
  const nodes = [primary, ...replicas].map(({ address }) => address);
  return createPostgresProbe({ nodes, timeoutMs: 20_000, ...options });
}

async function valuesOf(
  probe: Probe,
  name: string,
  subject: string,
): Promise<Readonly<Record<string, number>>> {
  for (;;) {
    const readings = await probe.sample();
    if (readings.some((reading) => reading.probe === name)) return valuesIn(readings, name, subject);
  }
}

function valuesIn(
  readings: readonly Reading[],
  name: string,
  subject: string,
): Readonly<Record<string, number>> {
  return readings.find((reading) => reading.probe === name && reading.subject === subject)?.values ?? {};
}
