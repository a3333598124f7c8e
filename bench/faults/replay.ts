/** Replay of the write-ahead log on a replica, held or slowed down by PostgreSQL's own means. */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { NodeAddress } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';

/** Replay stands still; what arrives is kept. */
export function pauseReplay(node: NodeAddress): Promise<void> {
  return holdReplay(node, 'SELECT pg_wal_replay_pause()', 'paused');
}

export function resumeReplay(node: NodeAddress): Promise<void> {
  return holdReplay(node, 'SELECT pg_wal_replay_resume()', 'not paused');
}

/**
 * Every commit is replayed `delayMs` after it was made (recovery_min_apply_delay); 0 = at once. The clocks that this
 * compares are those of primary and replica.
 */
export function delayReplay(node: NodeAddress, delayMs: number): Promise<void> {
  const wholeMs = Math.round(delayMs);
  return withClient(node, (client) => setTo(client, 'recovery_min_apply_delay', String(wholeMs)));
}

/** A standby takes its log from elsewhere from now on; it connects anew at once. */
export function streamFrom(node: NodeAddress, through: { readonly port: number }): Promise<void> {
  return withClient(node, async (client) => {
    const conninfo = (await ask(client, settingQuery, ['primary_conninfo'])) ?? '';
    await setTo(client, 'primary_conninfo', conninfo.replace(/\bport='?\d+'?/, `port=${through.port}`));
  });
}

/** The functions only ask for it: the process that replays stops or goes on when it comes to that. */
function holdReplay(node: NodeAddress, request: string, wanted: string): Promise<void> {
  return withClient(node, async (client) => {
    await client.query(request);
    await until(`replay to be ${wanted}`, async () => (await ask(client, stateQuery)) === wanted);
  });
}

const stateQuery = 'SELECT pg_get_wal_replay_pause_state() AS value';
const settingQuery = 'SELECT setting AS value FROM pg_settings WHERE name = $1';

/** `value`: as pg_settings shows it. */
async function setTo(client: pg.Client, setting: string, value: string): Promise<void> {
  await client.query(`ALTER SYSTEM SET ${setting} = ${client.escapeLiteral(value)}`);
  await client.query('SELECT pg_reload_conf()');
  // The processes of the server are told to read it all at once, and this connection's is one of them.
  await until(`${setting} to hold`, async () => (await ask(client, settingQuery, [setting])) === value);
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const endMs = monotonicMs() + timeoutMs;
  while (!(await isSo())) {
    if (monotonicMs() > endMs) throw new Error(`waited ${timeoutMs / 1_000} s for ${what}`);
    await delay(pollMs);
  }
}

async function ask(
  client: pg.Client,
  query: string,
  values: readonly string[] = [],
): Promise<string | undefined> {
  const { rows } = await client.query<{ value: string }>(query, [...values]);
  return rows[0]?.value;
}

const timeoutMs = 10_000;
const pollMs = 5;

/** Everything here may be asked twice, so whatever replay itself ends (a recovery conflict) is asked again. */
async function withClient(node: NodeAddress, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const endMs = monotonicMs() + timeoutMs;
  for (;;) {
    try {
      return await withOneClient(node, work);
    } catch (error) {
      const isConflict = error instanceof Error && /conflict with recovery/.test(error.message);
      if (!isConflict || monotonicMs() > endMs) throw error;
      await delay(pollMs);
    }
  }
}

async function withOneClient(node: NodeAddress, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const { host, port, database, user, password } = node;
  const client = new pg.Client({
    ...{ host, port, database, user, password, application_name: 'replibench-fault' },
    // A node that another fault has stopped never answers.
    ...{ connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs },
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await work(client);
  } finally {
    // Not awaited: a node that hangs would not answer the farewell.
    client.end().catch(() => undefined);
  }
}
