/**
 * Lag against a real primary and replica. Each test is a way in which a lag probe in use somewhere is
 * wrong. Expectations are brackets from the test's own clock around what it did, never fixed times.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Reading } from '../../bench/model.ts';
import { monotonicMs } from '../../bench/monotonic-clock.ts';
import { createLagProbe } from '../../bench/probes/lag.ts';
import type { Probe } from '../../bench/probes/probe.ts';
import { startCluster, type TestCluster, type TestNode, until } from './cluster.ts';

let cluster: TestCluster;
let primary: TestNode;
let replica: TestNode;

beforeAll(async () => {
  // wal_writer_delay: an asynchronous commit must stay unwritten while a test looks at it.
  cluster = await startCluster({ replicas: 2, settings: ['wal_writer_delay = 10s'] });
  primary = cluster.primary;
  replica = at(cluster.replicas, 0);
  await primary.query('CREATE TABLE entry (id serial PRIMARY KEY, note text)');
  await cluster.caughtUp();
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

describe('lag of an idle primary', () => {
  test('is nothing, whatever the age of the last transaction', async () => {
    await insert();
    await cluster.caughtUp();
    await using probe = lagProbe();
    await probe.sample();
    await until(async () => (await ageOfLastReplay()) > 1_000);
    const { values } = await lagOf(probe);
    expect(values).toEqual({ lagMs: 0, lagLowerMs: 0, lagBytes: 0, streaming: 1 });
  });

  test('does not spike at the first write after a pause', async () => {
    await using probe = lagProbe();
    await probe.sample();
    await until(async () => (await ageOfLastReplay()) > 1_000);
    const lookedMs = monotonicMs();
    await probe.sample();
    await withReplayPaused(async () => {
      await insert();
      const { values, atMs } = await lagOf(probe);
      // The usual "0 if caught up, else the age of the last transaction" says more than a second here.
      expect(await ageOfLastReplay()).toBeGreaterThan(1_000);
      expect(values['lagMs']).toBeGreaterThan(0);
      expect(values['lagMs']).toBeLessThanOrEqual(atMs - lookedMs);
      expect(values['lagBytes']).toBeGreaterThan(0);
    });
  });

  test('is nothing when the last record ended with its page', async () => {
    await using probe = lagProbe();
    await fillPage();
    expect((await insertLsn()) % 8_192).toBe(24);
    await until(async () => (await replayLsn()) === (await insertLsn()) - 24);
    await probe.sample();
    expect((await lagOf(probe)).values).toMatchObject({ lagMs: 0, lagBytes: 0 });
  });

  test('is nothing at the beginning of a segment', async () => {
    await using probe = lagProbe();
    await insert();
    await primary.query('SELECT pg_switch_wal()');
    expect((await insertLsn()) % (16 * 2 ** 20)).toBe(40);
    await until(async () => (await replayLsn()) === (await insertLsn()) - 40);
    await probe.sample();
    expect((await lagOf(probe)).values).toMatchObject({ lagMs: 0, lagBytes: 0 });
  });
});

describe('lag of a replica that does not keep up', () => {
  test('grows at once behind a single record', async () => {
    await using probe = lagProbe();
    await withReplayPaused(async () => {
      const lookedMs = monotonicMs();
      await probe.sample();
      const sentMs = monotonicMs();
      await insert();
      const ackedMs = monotonicMs();
      await probe.sample();
      const seenMs = monotonicMs();
      for (let round = 0; round < 5; round += 1) {
        await delay(50);
        const begunMs = monotonicMs();
        const { values, atMs } = await lagOf(probe);
        expect(values['lagMs']).toBeGreaterThanOrEqual(atMs - ackedMs);
        expect(values['lagMs']).toBeLessThanOrEqual(atMs - lookedMs);
        expect(values['lagLowerMs']).toBeLessThanOrEqual(atMs - sentMs);
        expect(values['lagLowerMs']).toBeGreaterThanOrEqual(begunMs - seenMs);
      }
    });
  });

  test.each([
    ['stands still', 'SELECT pg_wal_replay_pause()', 'SELECT pg_wal_replay_resume()'],
    // Delays every commit, so the replica moves on and stays behind.
    [
      'moves on behind',
      "ALTER SYSTEM SET recovery_min_apply_delay = '250ms'",
      'ALTER SYSTEM RESET recovery_min_apply_delay',
    ],
  ])('is the age of the first missing version while a replica %s', async (_, hold, release) => {
    await using probe = lagProbe();
    await primary.query('CREATE TABLE IF NOT EXISTS version (number int)');
    await primary.query('TRUNCATE version');
    await primary.query('INSERT INTO version VALUES (-1)');
    await cluster.caughtUp();
    const sentMs: number[] = [];
    const ackedMs: number[] = [];
    const samples: VersionedSample[] = [];
    const stop = new AbortController();
    const write = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        sentMs.push(monotonicMs());
        await primary.query(`UPDATE version SET number = ${ackedMs.length}`);
        ackedMs.push(monotonicMs());
        await delay(2);
      }
    };
    await probe.sample();
    await replica.query(hold);
    await replica.query('SELECT pg_reload_conf()');
    const writing = write();
    try {
      for (let round = 0; round < 12; round += 1) {
        const begunMs = monotonicMs();
        const before = await versionOnReplica();
        const reading = await lagOf(probe);
        samples.push({ begunMs, before, reading, after: await versionOnReplica() });
        await delay(20);
      }
    } finally {
      stop.abort();
      await writing;
      await replica.query(release);
      await replica.query('SELECT pg_reload_conf()');
    }

    // The writes went on until after the last sample, so every sample has a first version missing.
    const gapsMs = samples.slice(1).map((sample, index) => sample.begunMs - at(samples, index).begunMs);
    for (const { before, after, reading } of samples.slice(2)) {
      const { lagMs = Number.NaN, lagLowerMs } = reading.values;
      const longestMs = reading.atMs - at(sentMs, before + 1);
      expect(lagMs).toBeGreaterThanOrEqual(reading.atMs - at(ackedMs, after + 1));
      expect(lagLowerMs).toBeLessThanOrEqual(longestMs);
      // No more than one sampling interval above the truth, as long as that was at that moment.
      expect(lagMs).toBeLessThanOrEqual(longestMs + Math.max(...gapsMs));
    }
    await cluster.caughtUp();
    await until(async () => (await lagOf(probe)).values['lagMs'] === 0);
  });

  test('grows while the walreceiver is gone, though the replica replayed all that it got', async () => {
    await using probe = lagProbe();
    await cluster.caughtUp();
    const [{ conninfo } = {}] = await replica.query("SELECT current_setting('primary_conninfo') AS conninfo");
    await reconnect('');
    await until(async () => (await replica.query('SELECT 1 FROM pg_stat_wal_receiver')).length === 0);
    const lookedMs = monotonicMs();
    await probe.sample();
    for (let round = 0; round < 20; round += 1) await insert();
    const ackedMs = monotonicMs();
    // What postgres_exporter compares: equal, so it says there is no lag.
    const [position] = await replica.query(
      'SELECT pg_last_wal_receive_lsn() IS NOT DISTINCT FROM pg_last_wal_replay_lsn() AS equal',
    );
    expect(position?.['equal']).toBe(true);
    await delay(100);
    const { values, atMs } = await lagOf(probe);
    expect(values['streaming']).toBe(0);
    expect(values['lagBytes']).toBeGreaterThan(20 * 24);
    expect(values['lagMs']).toBeGreaterThanOrEqual(atMs - ackedMs);
    expect(values['lagMs']).toBeLessThanOrEqual(atMs - lookedMs);
    await reconnect(String(conninfo));
    await cluster.caughtUp();
    await until(async () => (await lagOf(probe)).values['streaming'] === 1);
    expect((await lagOf(probe)).values).toMatchObject({ lagMs: 0, lagBytes: 0 });
  });

  test('counts an asynchronous commit that is not written yet', async () => {
    await using probe = lagProbe();
    await primary.query('SET synchronous_commit = off');
    await insert();
    const ackedMs = monotonicMs();
    // The written position, which most lag probes use, does not know of it.
    const written = await lsn(primary, 'pg_current_wal_lsn()');
    await probe.sample();
    const { values, atMs } = await lagOf(probe);
    const missing = (await insertLsn()) - written;
    await primary.query('RESET synchronous_commit');
    expect(missing).toBeGreaterThan(0);
    expect(values['lagBytes']).toBeGreaterThanOrEqual(missing);
    // Nobody saw the primary before the commit: the lag has no upper bound yet, or one that holds.
    expect(values['lagMs'] ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(atMs - ackedMs);
    expect(values['lagLowerMs']).toBe(0);
    await insert();
    await cluster.caughtUp();
  });
});

describe('nodes that are gone', () => {
  test('a stopped replica neither delays nor hides the other one', async () => {
    await using probe = lagProbe({ replicas: cluster.replicas, timeoutMs: 3_600_000, patienceMs: 80 });
    const names = new Set<string>();
    const sample = async (): Promise<void> => {
      for (const { subject } of await probe.sample()) names.add(subject);
    };
    await until(async () => {
      await sample();
      return names.size === 2;
    });
    replica.signal('SIGSTOP');
    try {
      // The question to the stopped one stays open for an hour; readings of the other go on.
      for (let round = 0; round < 3; round += 1) {
        names.clear();
        await until(async () => {
          await sample();
          return names.has('replica2');
        });
      }
      expect([...names]).toEqual(['replica2']);
    } finally {
      replica.signal('SIGCONT');
    }
    await until(async () => {
      await sample();
      return names.has('replica1');
    });
  });

  test('an answer that comes late is not taken for one from before', async () => {
    await using probe = lagProbe({ patienceMs: 80 });
    await lagOf(probe);
    replica.signal('SIGSTOP');
    let goesOnMs: number;
    try {
      expect(await probe.sample()).toEqual([]);
      await delay(100);
    } finally {
      goesOnMs = monotonicMs();
      replica.signal('SIGCONT');
    }
    // Caught up, but only known to be when it went on: nobody saw what it had in between. An answer
    // from before the primary was asked would have made the lag exactly nothing.
    const { values, atMs } = await lagOf(probe);
    expect(atMs).toBeGreaterThanOrEqual(goesOnMs);
    expect(values['lagMs']).toBeGreaterThan(0);
    expect(values['lagLowerMs']).toBe(0);
  });

  test('a stopped replica is told after its timeout, and read again when it goes on', async () => {
    await using probe = lagProbe({ timeoutMs: 500 });
    await lagOf(probe);
    replica.signal('SIGSTOP');
    const problems: unknown[] = [];
    try {
      await until(async () => {
        await probe.sample((problem) => problems.push(problem));
        return problems.length > 0;
      });
    } finally {
      replica.signal('SIGCONT');
    }
    expect(String(problems[0])).toMatch(/replica1 did not answer a probe within 500 ms/);
    await lagOf(probe);
  });

  test('a stopped primary makes the lag unknown', async () => {
    await using probe = lagProbe({ timeoutMs: 200 });
    await probe.sample();
    primary.signal('SIGSTOP');
    try {
      const problems: unknown[] = [];
      const [reading] = await probe.sample((problem) => problems.push(problem));
      expect(reading?.values).toEqual({ streaming: 1 });
      expect(String(problems[0])).toMatch(/primary did not answer/);
    } finally {
      primary.signal('SIGCONT');
    }
    await until(async () => (await lagOf(probe)).values['lagMs'] === 0);
  });

  test('a hanging sample ends when the probe is closed', async () => {
    const probe = lagProbe({ timeoutMs: 3_600_000 });
    await probe.sample();
    primary.signal('SIGSTOP');
    try {
      const hanging = probe.sample();
      await probe[Symbol.asyncDispose]();
      await hanging;
    } finally {
      primary.signal('SIGCONT');
    }
  });

  test('a replica that was killed has no reading, and one again when it is back', async () => {
    await using probe = lagProbe();
    await probe.sample();
    await replica.kill();
    const problems: unknown[] = [];
    expect(await probe.sample((problem) => problems.push(problem))).toEqual([]);
    expect(String(problems[0])).toMatch(/replica1 cannot be asked by a probe/);
    await insert();
    await replica.start();
    await until(async () => (await probe.sample())[0]?.values['lagMs'] === 0);
  });
});

interface VersionedSample {
  readonly begunMs: number;
  /** Version that the replica showed before and after the sample. */
  readonly before: number;
  readonly after: number;
  readonly reading: Reading;
}

interface Patience {
  readonly timeoutMs?: number;
  readonly patienceMs?: number;
}

/** Patient, so that a busy machine does not move a reading into a later sample. */
function lagProbe(options: Patience & { readonly replicas?: readonly TestNode[] } = {}): Probe {
  const { replicas = [replica], ...patience } = options;
  const addresses = replicas.map(({ address }) => address);
  return createLagProbe({
    primary: primary.address,
    replicas: addresses,
    // Shorter than what the tests wait for: a sample ends while they hold a replica.
    chaseMs: 60,
    patienceMs: 20_000,
    timeoutMs: 20_000,
    ...patience,
  });
}

/** The next reading of the only replica. */
async function lagOf(probe: Probe): Promise<Reading> {
  for (;;) {
    const [reading] = await probe.sample();
    if (reading !== undefined) return reading;
  }
}

async function withReplayPaused(work: () => Promise<void>): Promise<void> {
  await cluster.caughtUp();
  await replica.query('SELECT pg_wal_replay_pause()');
  await until(async () => {
    const [state] = await replica.query('SELECT pg_get_wal_replay_pause_state() AS state');
    return state?.['state'] === 'paused';
  });
  try {
    await work();
  } finally {
    await replica.query('SELECT pg_wal_replay_resume()');
  }
}

async function reconnect(conninfo: string): Promise<void> {
  await replica.query(`ALTER SYSTEM SET primary_conninfo = '${conninfo}'`);
  await replica.query('SELECT pg_reload_conf()');
}

async function insert(): Promise<void> {
  await primary.query("INSERT INTO entry (note) VALUES ('x')");
}

/** Ends a record exactly at the end of a WAL page: the next insert position is behind a page header. */
async function fillPage(): Promise<void> {
  const emit = async (length: number): Promise<number> => {
    const before = await insertLsn();
    await primary.query(`SELECT pg_logical_emit_message(false, '', repeat('x', ${length}), true)`);
    return (await insertLsn()) - before;
  };
  // Well inside a page, so that the second measurement is not disturbed by a header.
  while ((await insertLsn()) % 8_192 > 4_000) await emit(1_000);
  const overhead = (await emit(1_000)) - 1_000;
  await emit(8_192 - ((await insertLsn()) % 8_192) - overhead);
}

const insertLsn = (): Promise<number> => lsn(primary, 'pg_current_wal_insert_lsn()');
const replayLsn = (): Promise<number> => lsn(replica, 'pg_last_wal_replay_lsn()');

async function lsn(node: TestNode, expression: string): Promise<number> {
  const [row] = await node.query(`SELECT (${expression} - '0/0'::pg_lsn)::float8 AS bytes`);
  return Number(row?.['bytes']);
}

/** The measure that this probe exists to replace, milliseconds. */
async function ageOfLastReplay(): Promise<number> {
  const age = 'extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000';
  const [row] = await replica.query(`SELECT (${age})::float8 AS age`);
  return Number(row?.['age']);
}

async function versionOnReplica(): Promise<number> {
  const [row] = await replica.query('SELECT number FROM version');
  return Number(row?.['number']);
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new Error(`no item ${index} among ${items.length}`);
  return item;
}
