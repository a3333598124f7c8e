/** Test 3: a row written on the primary is seen on every replica; how long that takes is measured. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { NodeAddress } from '../../model.ts';
import { monotonicMs } from '../../monotonic-clock.ts';
import { withClient } from '../../topology/postgres/connect.ts';
import { reasonOf } from '../ask.ts';
import { ms } from '../quantities.ts';
import {
  advise,
  type CheckResult,
  type ExpectedReplica,
  failed,
  noPrimary,
  ok,
  type VerifyContext,
} from './check.ts';

/** A row that takes longer is not there for anybody who waits for it. */
const givenUpAfterMs = 5_000;
const pollMs = 2;
const answerMs = 5_000;

type Seen = { readonly afterMs: number } | { readonly problem: string };

export async function checkWriteRead({ target, signal }: VerifyContext): Promise<CheckResult> {
  const { primary } = target;
  if (primary === null) return noPrimary('write-read', target);
  if (!target.mayWrite) {
    const evidence = 'nothing was written: this cluster is somebody else’s';
    return { name: 'write-read', outcome: 'skipped', evidence, advice: 'allow it with --allow-writes' };
  }
  // A schema of its own: two operators at once, or one who was killed before, are in nobody's way.
  const schema = `replibench_verify_${randomBytes(4).toString('hex')}`;
  try {
    await withClient(
      primary,
      async (client) => {
        await client.query(`CREATE SCHEMA ${schema}`);
        await client.query(`CREATE TABLE ${schema}.token (value text PRIMARY KEY)`);
      },
      answerMs,
    );
  } catch (error) {
    const reason = reasonOf(error, primary);
    return failed('write-read', `the primary takes no write: ${reason}`, advise(target, 'see the primary'));
  }
  try {
    const seen = await writeAndWatch(primary, target.replicas, `${schema}.token`, signal);
    const sentences = [...seen].map(([name, one]) => sentenceOf(name, one));
    const evidence = `row written on ${primary.name}: ${sentences.join(' · ')}`;
    const everywhere = [...seen.values()].every((one) => 'afterMs' in one);
    return everywhere
      ? ok('write-read', evidence)
      : failed('write-read', evidence, advise(target, 'see why the replica does not replay'));
  } finally {
    await withClient(primary, (client) => client.query(`DROP SCHEMA ${schema} CASCADE`), answerMs);
  }
}

function sentenceOf(name: string, seen: Seen): string {
  return 'afterMs' in seen ? `on ${name} after ${ms(seen.afterMs)}` : `not on ${name}: ${seen.problem}`;
}

/**
 * Connects to every replica, waits until the table is there, writes one row and polls for it: what is
 * measured is the row's way, from the primary's acknowledgement, not the table's nor a login's.
 */
async function writeAndWatch(
  primary: NodeAddress,
  replicas: readonly ExpectedReplica[],
  table: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Seen>> {
  const value = randomBytes(8).toString('hex');
  const written = Promise.withResolvers<number>();
  // Should the write fail, every replica tells that; without any that waits nobody would listen.
  written.promise.catch(() => undefined);
  const ready: Promise<unknown>[] = [];
  const watches = replicas.map(async ({ name, address, problem }): Promise<[string, Seen]> => {
    if (address === null) return [name, { problem: problem ?? 'it has no address' }];
    const isReady = Promise.withResolvers<void>();
    ready.push(isReady.promise);
    const watch = async (client: pg.Client): Promise<Seen> => {
      const hasTable = `SELECT to_regclass('${table}') IS NOT NULL AS seen`;
      const tableAfterMs = await pollFor(client, hasTable, monotonicMs(), signal);
      isReady.resolve();
      const sinceMs = await written.promise;
      const hasRow = `SELECT EXISTS (SELECT FROM ${table} WHERE value = '${value}') AS seen`;
      const afterMs = tableAfterMs === null ? null : await pollFor(client, hasRow, sinceMs, signal);
      return afterMs === null ? { problem: `not within ${ms(givenUpAfterMs)}` } : { afterMs };
    };
    try {
      return [name, await withClient(address, watch, answerMs)];
    } catch (error) {
      signal.throwIfAborted();
      return [name, { problem: reasonOf(error, address) }];
    } finally {
      isReady.resolve();
    }
  });
  await Promise.all(ready);
  await withClient(
    primary,
    async (client) => {
      await client.query(`INSERT INTO ${table} VALUES ($1)`, [value]);
      written.resolve(monotonicMs());
    },
    answerMs,
  ).catch(written.reject);
  return new Map(await Promise.all(watches));
}

/** Milliseconds from `sinceMs` until the question is answered with `seen`; null when it never is. */
async function pollFor(
  client: pg.Client,
  question: string,
  sinceMs: number,
  signal: AbortSignal,
): Promise<number | null> {
  while (monotonicMs() < sinceMs + givenUpAfterMs) {
    signal.throwIfAborted();
    const { rows } = await client.query<{ seen: boolean }>(question);
    if (rows[0]?.seen === true) return monotonicMs() - sinceMs;
    await sleep(pollMs, undefined, { signal });
  }
  return null;
}
