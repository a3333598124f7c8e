/** Holds a row of `users`, so that a request can be kept in flight for exactly as long as a test needs. */
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { PostgresNode } from './postgres.ts';

export interface RowLock extends AsyncDisposable {
  /** Resolves when another session waits for the row. */
  waitedFor(): Promise<void>;
  release(): Promise<void>;
}

export async function holdUser(node: PostgresNode, id: number): Promise<RowLock> {
  const client = new Client(node);
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [id]);
  let held = true;
  const release = async (): Promise<void> => {
    if (!held) return;
    held = false;
    await client.query('COMMIT');
    await client.end();
  };
  return {
    async waitedFor() {
      // Not pg_stat_activity: inside a transaction that is a snapshot and would never change.
      const waiting = 'SELECT FROM pg_locks WHERE NOT granted AND $1 = ANY (pg_blocking_pids(pid))';
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      while ((await client.query(waiting, [rows[0]?.pid])).rowCount === 0) await delay(5);
    },
    release,
    [Symbol.asyncDispose]: release,
  };
}
