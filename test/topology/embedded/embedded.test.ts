import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { EnvironmentError, type NodeAddress } from '../../../bench/model.ts';
import { createEmbeddedTopology, type EmbeddedTopology } from '../../../bench/topology/embedded/embedded.ts';
import { type Guardian, startGuardian } from '../../../bench/topology/guardian.ts';
import type { RunningNode, RunningTopology, Step } from '../../../bench/topology/topology.ts';
import { exposedBy, leftoversOf, processesOf, sharedMemoryOf, stillShared } from '../support/leftovers.ts';

const runId = randomBytes(4).toString('hex');
const { signal } = new AbortController();
let guardian: Guardian;
let topology: EmbeddedTopology;
const running: RunningTopology[] = [];
let onStep: (step: Step) => void = () => undefined;

beforeAll(async () => {
  guardian = await startGuardian({ runId });
  topology = await createEmbeddedTopology({
    guardian,
    maxReplicas: 2,
    nodeCpus: 'auto',
    limits: 'auto',
    signal,
    settings: { work_mem: '5MB' },
    onStep: (step) => onStep(step),
    prepare: async (primary) => {
      await query(primary, 'CREATE TABLE note AS SELECT i AS id FROM generate_series(1, 1000) AS i');
      await query(primary, 'CREATE DATABASE other');
    },
  });
});
afterEach(async () => {
  for (const cluster of running.splice(0)) await cluster[Symbol.asyncDispose]();
  const own = (left: string) => left.includes('guardian-process') || left.endsWith(guardian.runName);
  expect(leftoversOf(runId).filter((left) => !own(left))).toEqual([]);
});
afterAll(async () => {
  await topology[Symbol.asyncDispose]();
  await topology[Symbol.asyncDispose]();
  await guardian[Symbol.asyncDispose]();
  expect(leftoversOf(runId)).toEqual([]);
});

describe('a primary and two replicas', () => {
  test('stream, refuse writes, and are held to what was asked for', async () => {
    const { cluster, primary, replicas } = await start(2);
    expect(cluster.nodes.map(({ address }) => [address.name, address.role])).toEqual([
      ['primary', 'primary'],
      ['replica1', 'replica'],
      ['replica2', 'replica'],
    ]);

    await query(primary.address, 'INSERT INTO note VALUES (-1)');
    await cluster.waitUntilCaughtUp(10_000, signal);
    for (const replica of replicas) {
      expect(await query(replica.address, 'SELECT count(*)::int AS n FROM note WHERE id = -1')).toEqual([
        { n: 1 },
      ]);
      await expect(query(replica.address, 'INSERT INTO note VALUES (-2)')).rejects.toMatchObject({
        code: '25006',
      });
    }

    const slots = 'SELECT slot_name, slot_type, active FROM pg_replication_slots ORDER BY slot_name';
    expect(await query(primary.address, slots)).toEqual([
      { slot_name: 'replica1', slot_type: 'physical', active: true },
      { slot_name: 'replica2', slot_type: 'physical', active: true },
    ]);
    for (const { address } of cluster.nodes) {
      expect(await settingsOf(address)).toMatchObject({
        wal_level: 'replica',
        max_wal_senders: '10',
        max_replication_slots: '10',
        hot_standby: 'on',
        wal_keep_size: '512MB',
        fsync: 'on',
        synchronous_commit: 'on',
        full_page_writes: 'on',
        autovacuum: 'on',
        listen_addresses: '127.0.0.1',
        unix_socket_directories: '',
        work_mem: '5MB',
      });
      expect(await query(address, `SELECT datname FROM pg_database ORDER BY 1`)).toEqual([
        { datname: 'other' },
        { datname: 'postgres' },
      ]);
    }
    // As after a vacuum: the first slice would pay for it otherwise.
    const vacuumed = `SELECT relallvisible > 0 AS vacuumed, reltuples FROM pg_class WHERE relname = 'note'`;
    expect(await query(primary.address, vacuumed)).toEqual([{ vacuumed: true, reltuples: 1000 }]);
    await cluster.enforceLimits();
    const limits = cluster.nodes.map(({ cpu }) => {
      if (cpu.kind !== 'cgroup') return null;
      const read = (file: string) => Number(readFileSync(join(cpu.throttleDir, file), 'utf8').split(' ')[0]);
      if (cpu.version === 2) return read('cpu.max') / 10_000;
      return read('cpu.cfs_quota_us') / read('cpu.cfs_period_us');
    });
    for (const limit of limits) {
      if (topology.nodeCpus === null) expect(limit).toBeNull();
      else expect(limit).toBeCloseTo(topology.nodeCpus, 3);
    }
  });

  test('tell the password to nobody', async () => {
    const { cluster } = await start(1);
    const password = cluster.nodes[0]?.address.password ?? '';
    expect(password.length).toBeGreaterThan(20);
    expect(exposedBy(runId).length).toBeGreaterThan(4);
    for (const text of exposedBy(runId)) expect(text).not.toContain(password);
    for (const { address } of cluster.nodes) {
      expect(JSON.stringify(await settingsOf(address))).not.toContain(password);
      await expect(query({ ...address, password: 'guess' }, 'SELECT 1')).rejects.toMatchObject({
        code: '28P01',
      });
    }
    expect(statSync(topology.dataDir).mode & 0o077).toBe(0);
  });

  test('start fresh every time', async () => {
    const first = await start(0);
    await query(first.primary.address, 'DELETE FROM note');
    await first.cluster[Symbol.asyncDispose]();
    const second = await start(0);
    expect(await query(second.primary.address, 'SELECT count(*)::int AS n FROM note')).toEqual([{ n: 1000 }]);
    expect(
      await query(second.primary.address, 'SELECT count(*)::int AS n FROM pg_replication_slots'),
    ).toEqual([{ n: 0 }]);
  });
});

describe('catching up', () => {
  test('is not waited for forever on an idle cluster that stands behind a page header', async () => {
    const { cluster, primary } = await start(1);
    // At the start of a new segment the insert position is 40 bytes beyond what a replica can replay.
    await query(primary.address, 'SELECT pg_switch_wal()');
    const [at] = await query<{ rest: number }>(
      primary.address,
      `SELECT mod(pg_current_wal_insert_lsn() - '0/0'::pg_lsn, 16777216)::int AS rest`,
    );
    expect(at?.rest).toBe(40);
    await cluster.waitUntilCaughtUp(10_000, signal);
  });

  test('names the replica and its lag when it takes too long, and may be interrupted', async () => {
    const { cluster, primary, replicas } = await start(2);
    const [, second] = replicas;
    second?.pause();
    // A stopped server still accepts connections, but answers nothing on them.
    await query(primary.address, 'INSERT INTO note SELECT generate_series(1, 1000)');
    await expect(cluster.waitUntilCaughtUp(700, signal)).rejects.toThrow(
      /replica2 .* in 700 ms: it did not answer/,
    );
    await expect(cluster.waitUntilCaughtUp(60_000, AbortSignal.abort(new Error('Ctrl-C')))).rejects.toThrow(
      'Ctrl-C',
    );
    second?.resume();
    await cluster.waitUntilCaughtUp(10_000, signal);

    if (second) await query(second.address, 'SELECT pg_wal_replay_pause()');
    await query(primary.address, 'INSERT INTO note SELECT generate_series(1, 1000)');
    const failure = cluster.waitUntilCaughtUp(700, signal);
    await expect(failure).rejects.toThrow(/replica2 .*: it is \d+ bytes behind/);
    await expect(failure).rejects.toBeInstanceOf(EnvironmentError);
  });
});

describe('a node that ends', () => {
  test('unasked is a loss, with its last words', async () => {
    const { cluster, replicas } = await start(1);
    const memory = sharedMemoryOf(runId);
    expect(memory.length).toBeGreaterThanOrEqual(4);
    process.kill(postmasterOf(replicas[0]), 'SIGKILL');
    const loss = await cluster.lost;
    expect(loss.node).toBe('replica1');
    expect(loss.reason).toContain('SIGKILL');
    expect(loss.reason).toContain('started streaming WAL');
    await cluster[Symbol.asyncDispose]();
    expect(stillShared(memory)).toEqual([]);
  });

  test('because it was asked to is none', async () => {
    const { cluster, primary, replicas } = await start(2);
    let lost = false;
    void cluster.lost.then(() => {
      lost = true;
    });
    const [first, second] = replicas;
    await first?.stop();
    await second?.kill();
    await second?.kill();
    for (const replica of replicas) {
      await expect(query(replica.address, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    }
    await query(primary.address, 'INSERT INTO note VALUES (-3)');
    expect(lost).toBe(false);
    expect(processesOf(runId).filter((line) => /replica[12]/.test(line))).toEqual([]);
  });

  test('while it is stopped can still be taken down', async () => {
    const { cluster } = await start(1);
    for (const node of cluster.nodes) node.pause();
    await cluster[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });
});

describe('interrupting', () => {
  test.each(['copy template', 'start primary'])('a start after %s leaves nothing', async (name) => {
    const interrupt = new AbortController();
    onStep = (step) => {
      if (step.name === name) interrupt.abort(new Error('Ctrl-C'));
    };
    await expect(topology.start({ replicas: 1 }, interrupt.signal)).rejects.toThrow('Ctrl-C');
    onStep = () => undefined;
    expect(readdirSync(topology.dataDir).filter((entry) => entry.startsWith('cluster'))).toEqual([]);
    expect(processesOf(runId).filter((line) => line.includes('postgres'))).toEqual([]);
  });

  test('taking the topology down ends a cluster that is still starting', async () => {
    await using guardianOfThis = await startGuardian({ runId: randomBytes(4).toString('hex') });
    const other = await createEmbeddedTopology({
      guardian: guardianOfThis,
      maxReplicas: 0,
      nodeCpus: null,
      limits: 'none',
      signal,
      prepare: async () => undefined,
    });
    expect(other.findings.map(({ id }) => id)).toEqual(['no-quota']);
    expect(other.nodeCpus).toBeNull();
    const starting = expect(other.start({ replicas: 0 }, signal)).rejects.toThrow('taken down');
    await other[Symbol.asyncDispose]();
    await starting;
    expect(leftoversOf(guardianOfThis.runId).filter((left) => !left.includes('guardian-process'))).toEqual(
      [],
    );
  });

  test('whatever prepare throws is thrown, and nothing is left', async () => {
    await using guardianOfThis = await startGuardian({ runId: randomBytes(4).toString('hex') });
    const failing = createEmbeddedTopology({
      guardian: guardianOfThis,
      maxReplicas: 0,
      nodeCpus: null,
      limits: 'none',
      signal,
      prepare: () => Promise.reject(new EnvironmentError('no such migration')),
    });
    await expect(failing).rejects.toThrow(/^no such migration$/);
    expect(leftoversOf(guardianOfThis.runId).filter((left) => !left.includes('guardian-process'))).toEqual(
      [],
    );
  });
});

test.each([
  [{ maxReplicas: 9 }, '9 replicas'],
  [{ nodeCpus: 0 }, '0 cores per node'],
  [{ nodeCpus: 1000 }, '1000 cores per node'],
])('%o is a wrong use', async (wrong, message) => {
  const options = { guardian, maxReplicas: 0, nodeCpus: null, limits: 'none', signal } as const;
  const prepare = async () => undefined;
  await expect(createEmbeddedTopology({ ...options, prepare, ...wrong })).rejects.toThrow(message);
});

async function start(replicas: number): Promise<{
  cluster: RunningTopology;
  primary: RunningNode;
  replicas: readonly RunningNode[];
}> {
  const cluster = await topology.start({ replicas }, signal);
  running.push(cluster);
  const [primary, ...others] = cluster.nodes;
  if (primary === undefined) throw new Error('no primary');
  return { cluster, primary, replicas: others };
}

async function query<Row>(address: NodeAddress, sql: string): Promise<Row[]> {
  const { host, port, database, user, password } = address;
  const client = new pg.Client({ host, port, database, user, password });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function settingsOf(address: NodeAddress): Promise<Record<string, string>> {
  const rows = await query<{ name: string; value: string }>(
    address,
    'SELECT name, current_setting(name) AS value FROM pg_settings',
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

function postmasterOf(node: RunningNode | undefined): number {
  const file = join(
    topology.dataDir,
    `cluster${clusterNumber()}`,
    node?.address.name ?? '',
    'postmaster.pid',
  );
  return Number(readFileSync(file, 'utf8').split('\n')[0]);
}

function clusterNumber(): string {
  const [cluster = ''] = readdirSync(topology.dataDir).filter((entry) => entry.startsWith('cluster'));
  return cluster.replace('cluster', '');
}
