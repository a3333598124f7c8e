/** Questions about replication, asked by SQL. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { EnvironmentError, type NodeAddress } from '../../model.ts';
import { withClient } from './connect.ts';

export async function createSlots(primary: NodeAddress, replicas: readonly string[]): Promise<void> {
  await withClient(primary, async (client) => {
    // Reserved at once: the replica's start position is the primary's, and must not be recycled.
    for (const name of replicas)
      await client.query('SELECT pg_create_physical_replication_slot($1, true)', [name]);
  });
}

/** Resolves when the primary streams to every replica, each known by its own name. */
export async function waitUntilStreaming(
  primary: NodeAddress,
  replicas: readonly NodeAddress[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const givenUpAt = performance.now() + timeoutMs;
  await withClient(primary, async (client) => {
    for (;;) {
      signal.throwIfAborted();
      const { rows } = await client.query<{ application_name: string }>(
        `SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'`,
      );
      const streaming = new Set(rows.map((row) => row.application_name));
      const missing = replicas.filter(({ name }) => !streaming.has(name));
      if (missing.length === 0) return;
      if (performance.now() > givenUpAt) {
        const names = missing.map(({ name }) => name).join(', ');
        throw new EnvironmentError(`${names}: not streaming from the primary after ${timeoutMs} ms`);
      }
      await sleep(10, undefined, { signal });
    }
  });
}

/** See RunningTopology.waitUntilCaughtUp. */
export async function waitUntilCaughtUp(
  primary: NodeAddress,
  replicas: readonly NodeAddress[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const givenUpAt = performance.now() + timeoutMs;
  const target = await withClient(primary, writtenPosition, timeoutMs).catch((cause: unknown) => {
    signal.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EnvironmentError(`${primary.name} did not tell its position: ${reason}`, { cause });
  });
  await Promise.all(replicas.map((replica) => waitForReplay(replica, target, givenUpAt, timeoutMs, signal)));
}

async function waitForReplay(
  replica: NodeAddress,
  target: string,
  givenUpAt: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  let lagBytes: number | null = null;
  let trouble: unknown;
  // A node that is short of CPU may need longer for a login than one that answers at all.
  let patienceMs = 1000;
  const remainingMs = () => givenUpAt - performance.now();
  while (remainingMs() > 0) {
    signal.throwIfAborted();
    try {
      // One connection for many looks: a login costs the replica more CPU time than a hundred of them.
      await withClient(
        replica,
        async (client) => {
          do {
            lagBytes = await distanceTo(client, target);
            if (lagBytes <= 0) return;
            await sleep(10, undefined, { signal });
          } while (remainingMs() > 0);
        },
        Math.max(1, Math.min(patienceMs, remainingMs())),
      );
      if (lagBytes !== null && lagBytes <= 0) return;
    } catch (error) {
      signal.throwIfAborted();
      trouble = error; // a replica that restarts may still catch up in time
      patienceMs = Math.min(16_000, patienceMs * 2);
      await sleep(10, undefined, { signal });
    }
  }
  const lag = lagBytes === null ? 'it did not answer' : `it is ${lagBytes} bytes behind`;
  throw new EnvironmentError(
    `${replica.name} has not caught up with the primary in ${timeoutMs} ms: ${lag}`,
    { cause: trouble },
  );
}

/**
 * The insert position also covers what an asynchronous commit has not flushed yet. At the start of a
 * page or segment it stands behind the header that the next record will write, where no replica gets
 * to before there is a next record: then the position before the header is meant.
 */
async function writtenPosition(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ lsn: string }>(
    `SELECT CASE
        WHEN at.bytes % segment.bytes = 40 THEN ('0/0'::pg_lsn + (at.bytes - 40))::text
        WHEN at.bytes % 8192 = 24 THEN ('0/0'::pg_lsn + (at.bytes - 24))::text
        ELSE ('0/0'::pg_lsn + at.bytes)::text
      END AS lsn
      FROM (SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS bytes) AS at,
           (SELECT pg_size_bytes(current_setting('wal_segment_size')) AS bytes) AS segment`,
  );
  return rows[0]?.lsn ?? '0/0';
}

async function distanceTo(client: pg.Client, target: string): Promise<number> {
  const { rows } = await client.query<{ bytes: string | null }>(
    'SELECT pg_wal_lsn_diff($1::pg_lsn, pg_last_wal_replay_lsn()) AS bytes',
    [target],
  );
  return Number(rows[0]?.bytes ?? Number.POSITIVE_INFINITY);
}
