import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { delayReplay, pauseReplay, resumeReplay, streamFrom } from '../../bench/faults/replay.ts';
import { monotonicMs } from '../../bench/monotonic-clock.ts';
import { startCluster, type TestCluster, type TestNode, until } from '../probes/cluster.ts';
import { startLink } from '../support/link.ts';

let cluster: TestCluster;
let replica: TestNode;
beforeAll(async () => {
  cluster = await startCluster({ replicas: 1 });
  const [first] = cluster.replicas;
  if (first === undefined) throw new Error('no replica');
  replica = first;
  await cluster.primary.query('CREATE TABLE note (id int)');
  await cluster.caughtUp();
});
afterAll(() => cluster[Symbol.asyncDispose]());

const write = (id: number) => cluster.primary.query(`INSERT INTO note VALUES (${id})`);
const has = async (id: number): Promise<boolean> =>
  (await replica.query(`SELECT 1 FROM note WHERE id = ${id}`)).length > 0;

describe('replay', () => {
  test('stands still when pausing it has resolved, and goes on when resuming has', async () => {
    for (let round = 1; round <= 5; round += 1) {
      // Busy at that moment: the request alone would let it go on for a while.
      const busy = cluster.primary.query('INSERT INTO note SELECT 0 FROM generate_series(1, 20000)');
      await pauseReplay(replica.address);
      const state = 'SELECT pg_get_wal_replay_pause_state() AS state';
      expect(await replica.query(state)).toEqual([{ state: 'paused' }]);
      await busy;
      await write(round);
      expect(await has(round)).toBe(false);
      await resumeReplay(replica.address);
      expect(await replica.query(state)).toEqual([{ state: 'not paused' }]);
      await until(() => has(round));
    }
  });

  test('is late from the time on at which delaying it has resolved, and no longer afterwards', async () => {
    await delayReplay(replica.address, 700.4);
    expect(await replica.query('SHOW recovery_min_apply_delay')).toEqual([
      { recovery_min_apply_delay: '700ms' },
    ]);
    const writtenAtMs = monotonicMs();
    await write(101);
    await until(() => has(101));
    expect(monotonicMs() - writtenAtMs).toBeGreaterThan(690);
    await delayReplay(replica.address, 0);
    await write(102);
    await cluster.caughtUp();
    expect(await has(102)).toBe(true);
  });

  test('takes its log from where it was told, at once', async () => {
    await using link = await startLink(cluster.primary.address);
    await streamFrom(replica.address, { port: link.port });
    const [{ conninfo } = {}] = await replica.query(`SELECT current_setting('primary_conninfo') AS conninfo`);
    expect(conninfo).toContain(`port=${link.port} `);
    await write(201);
    await until(() => has(201));
    const [{ port } = {}] = await replica.query('SELECT sender_port AS port FROM pg_stat_wal_receiver');
    expect(port).toBe(link.port);
    await streamFrom(replica.address, { port: cluster.primary.address.port });
    await until(async () => (await replica.query('SELECT 1 FROM pg_stat_wal_receiver')).length > 0);
  });

  test('is no matter of a primary, which says so', async () => {
    await expect(pauseReplay(cluster.primary.address)).rejects.toThrow('recovery is not in progress');
  });
});
