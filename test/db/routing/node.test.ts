import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { NodeAwayError, type Role, RoutedNode } from '../../../src/db/routing/node.ts';
import { FakeConnection, type FakeConnector, fakeConnector, limits, loan } from './fakes.ts';

let connector: FakeConnector;
let node: RoutedNode;
let states: string[];
let clock: () => number;

beforeEach(() => {
  connector = fakeConnector();
  states = [];
  clock = Date.now;
  node = new RoutedNode(
    { name: 'replica1', host: 'h', port: 1 },
    'replica',
    1,
    limits,
    connector,
    () => clock(),
    (event, before, after) => states.push(`${before.state} -> ${after.state}: ${event}`),
  );
});

const acquire = async (): Promise<FakeConnection> => (await node.acquire(loan('read'))) as FakeConnection;

describe('the connections of a node', () => {
  test('are counted, reused, and limited', async () => {
    const [first, second] = [await acquire(), await acquire()];
    expect(node).toMatchObject({ inFlight: 2, readsInFlight: 2 });
    const third = acquire();
    expect(node.release(first)).toMatchObject({ purpose: 'read' });
    expect(await third).toBe(first);
    node.release(first);
    node.release(second);
    expect(node).toMatchObject({ inFlight: 0, readsInFlight: 0 });
    expect(connector.opened).toHaveLength(2);
  });

  test('are opened for those who wait, and not once more while one is being opened', async () => {
    const dials: PromiseWithResolvers<FakeConnection>[] = [];
    const slow = {
      ...connector,
      open() {
        const dial = Promise.withResolvers<FakeConnection>();
        dials.push(dial);
        return dial.promise;
      },
    };
    const address = { name: 'replica1', host: 'h', port: 1 };
    const many = new RoutedNode(
      address,
      'replica',
      1,
      { ...limits, max: 10 },
      slow,
      Date.now,
      () => undefined,
    );
    const first = many.acquire(loan('read'));
    await vi.waitFor(() => expect(dials).toHaveLength(1));
    dials[0]?.resolve(new FakeConnection());
    const connection = await first;
    // Each is served by the connection that comes back, while the one that was opened for the first is still on its way.
    for (let turn = 0; turn < 5; turn += 1) {
      const next = many.acquire(loan('read'));
      await delay(0);
      many.release(connection);
      expect(await next).toBe(connection);
    }
    expect(dials).toHaveLength(2);
    // Two who wait need two.
    const both = [many.acquire(loan('read')), many.acquire(loan('read'))];
    await vi.waitFor(() => expect(dials).toHaveLength(3));
    for (const dial of dials) dial.resolve(new FakeConnection());
    await Promise.all(both);
    expect(dials).toHaveLength(3);
  });

  test('of reads and writes are apart, so that reads cannot keep writes waiting', async () => {
    await acquire();
    await acquire();
    await expect(node.acquire(loan('write'))).resolves.toBeDefined();
  });

  test('that nobody took from here are nobody’s to give back', async () => {
    const [foreign] = [await acquire()];
    node.release(foreign);
    expect(node.release(foreign)).toBeUndefined();
    expect(node.isInUse(foreign)).toBe(false);
  });

  test('that could not be made make the node suspect, once for each attempt', async () => {
    connector.plan.push('refuse');
    await expect(node.acquire(loan('read'))).rejects.toThrow('ECONNREFUSED');
    expect(states).toEqual(['healthy -> suspect: failed']);
    expect(node.inFlight).toBe(0);
  });

  test('with an answer outstanding are not used before it has come', async () => {
    const late = await acquire();
    late.readyForQuery = false;
    node.release(late);
    const next = await acquire();
    expect(next).not.toBe(late);
    node.release(next);
    late.readyForQuery = true;
    late.emit('drain');
    await vi.waitFor(() => expect(node.pool.idle).toBe(2));
  });

  test('whose answer does not come are given up', async () => {
    vi.useFakeTimers();
    try {
      const hung = await acquire();
      hung.readyForQuery = false;
      node.release(hung);
      await vi.advanceTimersByTimeAsync(1_001);
      expect(hung.destroyed.stream).toBe(true);
      expect(connector.closed).toEqual([hung]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('are all dropped when the node is not what it was, those in use when they come back', async () => {
    const [idle, busy] = [await acquire(), await acquire()];
    node.release(idle);
    await node.dropConnections();
    expect(connector.closed).toEqual([idle]);
    node.release(busy);
    expect(await acquire()).not.toBe(busy);
    await vi.waitFor(() => expect(connector.closed).toEqual([idle, busy]));
  });
});

describe('a node that is given up', () => {
  test('lets go of reads that wait for a connection, and of those that run', async () => {
    const running = await acquire();
    const writing = (await node.acquire(loan('write'))) as FakeConnection;
    connector.plan.push('hang');
    const waiting = Promise.resolve(acquire());
    await vi.waitFor(() => expect(connector.plan).toEqual([]));
    node.note('silent');
    await expect(waiting).rejects.toBeInstanceOf(NodeAwayError);
    expect(running.destroyed.stream).toBe(true);
    // A write may have been done: it is not cut off, and not asked again.
    expect(writing.destroyed.stream).toBe(false);
    expect(states).toEqual(['healthy -> open: silent']);
  });
});

describe('the latency of a node', () => {
  let nowMs: number;
  beforeEach(() => {
    nowMs = 0;
    clock = () => nowMs;
    node.note('answered');
  });

  test('grows while it owes an answer and gives none, and not while it owes nothing', async () => {
    nowMs = 1_000;
    expect(node.latencyMs(nowMs)).toBe(5);
    const connection = await acquire();
    connection.readyForQuery = false;
    expect(node.latencyMs(nowMs)).toBe(5);
    nowMs += 300;
    expect(node.latencyMs(nowMs)).toBe(300);
    nowMs += 300;
    expect(node.latencyMs(nowMs)).toBe(600);
    // What it took counts for a while, and less and less.
    connection.readyForQuery = true;
    node.release(connection);
    expect(node.latencyMs(nowMs)).toBeGreaterThan(50);
    expect(node.latencyMs(nowMs)).toBeLessThan(100);
    nowMs += 60_000;
    expect(node.latencyMs(nowMs)).toBe(5);
  });

  test.each(['answered', 'probed'] as const)('does not grow while it answers others: %s', async (event) => {
    nowMs = 1_000;
    (await acquire()).readyForQuery = false;
    nowMs += 900;
    node.note(event);
    expect(node.latencyMs(nowMs)).toBe(5);
    nowMs += 200;
    expect(node.latencyMs(nowMs)).toBe(200);
  });

  test('does not grow while others come back from it', async () => {
    nowMs = 1_000;
    (await acquire()).readyForQuery = false;
    const other = await acquire();
    nowMs += 10;
    node.release(other);
    expect(node.latencyMs(nowMs)).toBeLessThan(15);
    nowMs += 400;
    expect(node.latencyMs(nowMs)).toBe(400);
  });

  test('grows while it lets nobody connect', async () => {
    connector.plan.push('hang');
    nowMs = 1_000;
    void acquire().catch(() => undefined);
    nowMs += 700;
    expect(node.latencyMs(nowMs)).toBe(700);
  });
});

describe('the weight of a node', () => {
  test('is the primary’s while it is the primary, and one of a replica, whatever it was before', () => {
    const other = (role: Role) =>
      new RoutedNode(
        { name: 'n', host: 'h', port: 1 },
        role,
        0.25,
        limits,
        connector,
        clock,
        () => undefined,
      );
    const promoted = other('replica');
    expect(promoted.weight).toBe(1);
    promoted.role = 'primary';
    expect(promoted.weight).toBe(0.25);
    const former = other('primary');
    expect(former.weight).toBe(0.25);
    former.role = 'replica';
    expect(former.weight).toBe(1);
  });
});
