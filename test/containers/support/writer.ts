import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

export interface AcknowledgedWriter extends AsyncDisposable {
  /** Rows whose COMMIT was answered so far. */
  acknowledged(): readonly number[];
  /** Resolves when `count` more rows have been acknowledged; rejects after two minutes. */
  progress(count: number): Promise<void>;
}

export interface WriterTarget {
  readonly port: number;
  readonly password: string;
}

/**
 * Inserts 1, 2, 3 ... into the table `acknowledged`, one row a transaction, and goes on through outages with
 * a new connection. A number is only ever tried once: one whose answer was lost is not acknowledged.
 */
export async function startWriter(target: () => WriterTarget): Promise<AcknowledgedWriter> {
  const done: number[] = [];
  let stopped = false;
  let client: Client | undefined;
  let number = 0;

  async function connect(): Promise<Client> {
    const fresh = new Client({
      ...target(),
      host: '127.0.0.1',
      user: 'postgres',
      database: 'app',
      connectionTimeoutMillis: 3_000,
      query_timeout: 10_000,
    });
    fresh.on('error', () => undefined);
    await fresh.connect();
    return fresh;
  }

  async function write(): Promise<void> {
    while (!stopped) {
      number += 1;
      try {
        client ??= await connect();
        await client.query('INSERT INTO acknowledged VALUES ($1)', [number]);
        done.push(number);
      } catch {
        await client?.end().catch(() => undefined);
        client = undefined;
        await delay(200);
      }
      await delay(10);
    }
    await client?.end();
  }

  const first = await connect();
  await first.query('CREATE TABLE IF NOT EXISTS acknowledged (number bigint PRIMARY KEY)');
  await first.end();
  const writing = write();
  return {
    acknowledged: () => done,
    async progress(count) {
      const goal = done.length + count;
      const deadline = performance.now() + 120_000;
      while (done.length < goal) {
        if (performance.now() > deadline)
          throw new Error(`no write was acknowledged since row ${done.at(-1)}`);
        await delay(50);
      }
    },
    async [Symbol.asyncDispose]() {
      stopped = true;
      await writing;
    },
  };
}
