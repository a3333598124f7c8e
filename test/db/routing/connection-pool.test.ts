import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  ConnectionPool,
  type PoolLimits,
  PoolTimeoutError,
} from '../../../src/db/routing/connection-pool.ts';
import { type FakeConnection, type FakeConnector, fakeConnector, limits, loan } from './fakes.ts';

let connector: FakeConnector;
beforeEach(() => {
  vi.useFakeTimers();
  connector = fakeConnector();
});
afterEach(() => void vi.useRealTimers());

function open(more: Partial<PoolLimits> = {}): ConnectionPool {
  const address = { name: 'n', host: 'h', port: 1 };
  return new ConnectionPool({
    limits: { ...limits, ...more },
    open: () => connector.open(address),
    close: (connection) => connector.close(connection),
    clock: Date.now,
  });
}

const take = async (pool: ConnectionPool, purpose: 'read' | 'write' = 'read'): Promise<FakeConnection> =>
  (await pool.take(loan(purpose))) as FakeConnection;
/** A query was given up, and its answer is still to come. */
async function giveBackUnanswered(pool: ConnectionPool): Promise<FakeConnection> {
  const connection = await take(pool);
  connection.readyForQuery = false;
  pool.giveBack(connection);
  return connection;
}

const state = ({ size, using, idle, waiting }: ConnectionPool) => ({ size, using, idle, waiting });
/** Everything that can happen at once has happened. */
const settled = () => vi.advanceTimersByTimeAsync(0);

describe('a connection', () => {
  test('that is there is had at once, and the one that came back last first', async () => {
    const pool = open();
    const [first, second] = [await take(pool), await take(pool)];
    pool.giveBack(second);
    pool.giveBack(first);
    expect(pool.take(loan('write'))).toBe(first);
    expect(state(pool)).toEqual({ size: 2, using: 1, idle: 1, waiting: 0 });
    expect(pool.giveBack(second)).toBeUndefined();
  });

  test('goes to who came first of those who may have one', async () => {
    const pool = open({ max: 1 });
    const [read, write] = [await take(pool, 'read'), await take(pool, 'write')];
    const order: string[] = [];
    for (const [name, purpose] of [
      ['read 1', 'read'],
      ['read 2', 'read'],
      ['write', 'write'],
    ] as const)
      void take(pool, purpose).then(() => order.push(name));
    // The reads were first, but writes are what came back.
    pool.giveBack(write);
    await settled();
    expect(order).toEqual(['write']);
    pool.giveBack(read);
    await settled();
    expect(order).toEqual(['write', 'read 1']);
    expect(connector.opened).toHaveLength(2);
  });

  test('is one of so many for all together, where that is asked for', async () => {
    const pool = open({ max: 2, together: true });
    const [read] = [await take(pool, 'read'), await take(pool, 'write')];
    const third = take(pool, 'write');
    await settled();
    expect(state(pool)).toEqual({ size: 2, using: 2, idle: 0, waiting: 1 });
    pool.giveBack(read);
    expect(await third).toBe(read);
  });

  test('that broke while it was idle is lent to nobody, and closed once', async () => {
    const pool = open({ max: 3 });
    const all = [await take(pool), await take(pool), await take(pool)];
    for (const each of all) pool.giveBack(each);
    for (const each of all) each._invalid = true;
    // Two at once, so that a wrong turn would serve one of them twice.
    const both = await Promise.all([take(pool), take(pool)]);
    expect(new Set([...all, ...both]).size).toBe(5);
    expect(connector.closed).toHaveLength(3);
    expect(state(pool)).toEqual({ size: 2, using: 2, idle: 0, waiting: 0 });
  });

  test('that is lost while somebody has it makes room for the next', async () => {
    const pool = open({ max: 1 });
    const lost = await take(pool);
    const next = take(pool);
    await pool.destroy(lost);
    expect(await next).not.toBe(lost);
    expect(pool.giveBack(lost)).toBeUndefined();
    await pool.destroy(lost);
    expect(connector.closed).toEqual([lost]);
    expect(state(pool)).toEqual({ size: 1, using: 1, idle: 0, waiting: 0 });
  });

  test('is closed after so many uses', async () => {
    const pool = open({ max: 1, maxUses: 2 });
    const first = await take(pool);
    pool.giveBack(first);
    expect(await take(pool)).toBe(first);
    const next = take(pool);
    pool.giveBack(first);
    expect(await next).not.toBe(first);
    expect(connector.closed).toEqual([first]);
  });

  test('that nobody has used for too long is closed, and the others stay', async () => {
    const pool = open({ idleMs: 10_000 });
    const [unused, used] = [await take(pool), await take(pool)];
    pool.giveBack(unused);
    pool.giveBack(used);
    // The one that came back last is used all the time.
    for (let second = 0; second < 9; second += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      pool.giveBack(await take(pool));
    }
    await vi.advanceTimersByTimeAsync(1_000);
    expect(connector.closed).toEqual([unused]);
    await vi.advanceTimersByTimeAsync(8_999);
    expect(connector.closed).toEqual([unused]);
    await vi.advanceTimersByTimeAsync(1);
    expect(connector.closed).toEqual([unused, used]);
    expect(state(pool)).toEqual({ size: 0, using: 0, idle: 0, waiting: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('stays for as long as it is asked to, though timers do not last so long', async () => {
    const pool = open({ idleMs: Number.POSITIVE_INFINITY });
    pool.giveBack(await take(pool));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(pool.idle).toBe(1);
  });

  test('whose answer is still to come is used again when it has come, and counts until then', async () => {
    const pool = open({ max: 1 });
    const late = await giveBackUnanswered(pool);
    expect([pool.inFlight, pool.using]).toEqual([0, 1]);
    const next = take(pool);
    late.readyForQuery = true;
    late.emit('drain');
    expect(await next).toBe(late);
    expect(connector.opened).toHaveLength(1);
  });

  test('whose answer is still to come, and that is lost meanwhile, counts no more', async () => {
    const pool = open({ max: 1 });
    const late = await giveBackUnanswered(pool);
    await pool.destroy(late);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(state(pool)).toEqual({ size: 0, using: 0, idle: 0, waiting: 0 });
    expect(connector.closed).toEqual([late]);
  });
});

describe('who waits', () => {
  test('has one opened, and is told when that went wrong: each by an attempt of his own', async () => {
    const pool = open({ max: 3 });
    connector.plan.push('refuse', 'refuse');
    const all = await Promise.allSettled([take(pool), take(pool), take(pool)]);
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(state(pool)).toEqual({ size: 1, using: 1, idle: 0, waiting: 0 });
  });

  test('beyond what may be open is served after a failure, too', async () => {
    const pool = open({ max: 1 });
    connector.plan.push('refuse');
    const [first, second] = await Promise.allSettled([take(pool), take(pool)]);
    expect([first.status, second.status]).toEqual(['rejected', 'fulfilled']);
  });

  test('waits no longer than he was asked to; what comes for him then is for the next', async () => {
    const pool = open({ max: 1 });
    const slow = Promise.withResolvers<void>();
    const { open: dial } = connector;
    connector.open = async (address) => {
      await slow.promise;
      return dial(address);
    };
    const impatient = take(pool).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await impatient).toBeInstanceOf(PoolTimeoutError);
    expect(await impatient).toMatchObject({ message: 'no connection became free within 1000 ms' });
    const next = take(pool);
    slow.resolve();
    expect(await next).toBe(connector.opened[0]);
    expect(connector.opened).toHaveLength(1);
    // Whoever has one may keep it.
    await vi.advanceTimersByTimeAsync(5_000);
    expect(pool.using).toBe(1);
  });

  test('can be sent away, by what he waits for', async () => {
    const pool = open({ max: 1 });
    await Promise.all([take(pool, 'read'), take(pool, 'write')]);
    const [read, write] = [take(pool, 'read'), take(pool, 'write')].map((each) =>
      each.catch(({ message }: Error) => message),
    );
    pool.refuse(new Error('no reads'), 'read');
    expect(await read).toBe('no reads');
    expect(pool.waiting).toBe(1);
    pool.refuse(new Error('nothing'));
    expect(await write).toBe('nothing');
    expect(pool.inFlight).toBe(2);
  });
});

describe('the time since when anything is owed', () => {
  test('is that of who waits longest for an answer or for a connection', async () => {
    const pool = open({ max: 1 });
    expect(pool.owingSinceMs).toBe(Number.POSITIVE_INFINITY);
    const startMs = Date.now();
    const first = await take(pool);
    // Between two statements of a transaction.
    expect(pool.owingSinceMs).toBe(Number.POSITIVE_INFINITY);
    first.readyForQuery = false;
    await vi.advanceTimersByTimeAsync(300);
    const second = take(pool);
    expect(pool.owingSinceMs).toBe(startMs);
    first.readyForQuery = true;
    expect(pool.owingSinceMs).toBe(startMs + 300);
    pool.giveBack(first);
    await second;
    expect(pool.owingSinceMs).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('closing', () => {
  test('waits for what is in flight, being opened or owed, and closes all of it', async () => {
    const pool = open({ max: 2 });
    const [lent, owed] = [await take(pool), await giveBackUnanswered(pool)];
    const waiting = take(pool);
    let isClosed = false;
    void pool.close().then(() => {
      isClosed = true;
    });
    await expect(take(pool)).rejects.toThrow('closed');
    pool.giveBack(lent);
    pool.giveBack(await waiting);
    await settled();
    expect(isClosed).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(isClosed).toBe(true);
    expect(new Set(connector.closed)).toEqual(new Set([lent, owed]));
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each(['opened', 'given back'])('waits for the last who waits, whose connection is %s', async (how) => {
    const pool = open({ max: 1 });
    const first = how === 'opened' ? undefined : await take(pool);
    const last = take(pool);
    const closed = vi.fn<() => void>();
    void pool.close().then(closed);
    if (first !== undefined) pool.giveBack(first);
    const connection = await last;
    await settled();
    expect(closed).not.toHaveBeenCalled();
    pool.giveBack(connection);
    await settled();
    expect(closed).toHaveBeenCalledOnce();
    expect(connector.closed).toEqual(connector.opened);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('does not leave behind what was being opened for somebody who has gone', async () => {
    const pool = open({ max: 1 });
    const slow = Promise.withResolvers<void>();
    const { open: dial } = connector;
    connector.open = async (address) => {
      await slow.promise;
      return dial(address);
    };
    const gone = take(pool).catch(() => undefined);
    pool.refuse(new Error('away'));
    await gone;
    // It may hang for ever: nobody waits for it, closing neither.
    await pool.close();
    expect(connector.opened).toEqual([]);
    slow.resolve();
    await settled();
    expect(connector.closed).toEqual(connector.opened);
    expect(connector.opened).toHaveLength(1);
  });
});
