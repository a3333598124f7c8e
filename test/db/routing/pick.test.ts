import { beforeEach, describe, expect, test } from 'vitest';
import type { HealthEvent } from '../../../src/db/routing/health.ts';
import type { RoutedNode } from '../../../src/db/routing/node.ts';
import { pickAnyReplica, pickReplica, type ReadRequest } from '../../../src/db/routing/pick.ts';
import { anyLag, type FakeCluster, fakeCluster, loan } from './fakes.ts';

let fake: FakeCluster;
let a: RoutedNode;
let b: RoutedNode;

beforeEach(() => {
  fake = fakeCluster(2, 0);
  const [first, second] = fake.replicas;
  if (first === undefined || second === undefined) throw new Error('expected replicas');
  [a, b] = [first, second];
  fake.sample(fake.primary, 100, 0);
  fake.sample(a, 100, 1);
  fake.sample(b, 100, 1);
});

const shortLag = { ...anyLag, maxLagMs: 1_000 };

/** Names of all nodes that a thousand reads are sent to, or why none is. */
function picked(request: Partial<ReadRequest> = {}): readonly string[] | string {
  const names = new Set<string>();
  for (let read = 0; read < 1_000; read += 1) {
    const pick = pickReplica(
      fake.cluster,
      { readClass: anyLag, floor: () => null, tried: new Set(), ...request },
      Math.random,
      Date.now(),
    );
    if (typeof pick === 'string') return pick;
    names.add(pick.name);
  }
  return [...names].sort();
}

const note = (node: RoutedNode, ...events: readonly HealthEvent[]): void => {
  for (const event of events) node.note(event);
};

describe('a read goes to', () => {
  test('every replica', () => {
    expect(picked()).toEqual(['replica1', 'replica2']);
  });

  test('the primary as well where it is included, and only while it is healthy', () => {
    const own = fakeCluster(1, 1);
    fake = own;
    const [replica] = own.replicas;
    own.sample(own.primary, 100, 0);
    if (replica !== undefined) own.sample(replica, 100, 1);
    expect(picked()).toEqual(['primary', 'replica1']);
    own.primary.note('failed');
    expect(picked()).toEqual(['replica1']);
  });

  test('no suspect node while there is a healthy one', () => {
    note(a, 'failed');
    expect(picked()).toEqual(['replica2']);
    note(b, 'failed');
    expect(picked()).toEqual(['replica1', 'replica2']);
  });

  test('no open node', () => {
    note(a, 'silent');
    expect(picked()).toEqual(['replica2']);
    note(b, 'silent');
    expect(picked()).toBe('no-replica');
  });

  test('other replicas as soon as anything was heard of one', () => {
    expect(picked()).toEqual(['replica1', 'replica2']);
    note(a, 'silent');
    expect(picked()).toEqual(['replica2']);
    fake.sample(fake.primary, 200, 5_000);
    fake.sample(b, 200, 5_001);
    note(a, 'probed', 'answered', 'answered', 'answered');
    expect(picked({ readClass: shortLag })).toEqual(['replica2']);
    fake.sample(a, 200, 5_002);
    expect(picked({ readClass: shortLag })).toEqual(['replica1', 'replica2']);
    fake.sample(a, 200, 5_003, { isPrimary: true, timeline: 2 });
    fake.sample(b, 200, 5_004, { timeline: 2 });
    expect(picked({ readClass: shortLag })).toEqual(['replica2']);
  });

  test('a node on trial one at a time', async () => {
    note(a, 'silent', 'probed');
    fake.sample(a, 100, 1);
    expect(picked()).toEqual(['replica1', 'replica2']);
    const trial = await a.acquire(loan('read'));
    // However busy the others are.
    for (let read = 0; read < 2; read += 1) await b.acquire(loan('read'));
    expect(picked()).toEqual(['replica2']);
    a.release(trial);
    expect(picked()).toEqual(['replica1']);
  });

  test('no node that has failed it already', () => {
    expect(picked({ tried: new Set([a]) })).toEqual(['replica2']);
    expect(picked({ tried: new Set([a, b]) })).toBe('no-replica');
  });
});

describe('a replica that lags', () => {
  test('serves the classes that allow it', () => {
    fake.sample(fake.primary, 200, 100);
    fake.sample(b, 200, 101);
    expect(a.lagMs).toBeGreaterThanOrEqual(100);
    expect(picked({ readClass: { ...anyLag, maxLagMs: 50 } })).toEqual(['replica2']);
    expect(picked({ readClass: { ...anyLag, maxLagBytes: 99 } })).toEqual(['replica2']);
    expect(picked({ readClass: { ...anyLag, maxLagMs: 5_000 } })).toEqual(['replica1', 'replica2']);
  });

  test('is why, when all do, and serves whoever takes a stale answer', () => {
    fake.sample(fake.primary, 200, 100);
    expect(picked({ readClass: { ...anyLag, maxLagMs: 50 } })).toBe('lag');
    expect(
      pickAnyReplica(
        fake.cluster,
        { readClass: anyLag, floor: () => null, tried: new Set([a]) },
        Math.random,
        Date.now(),
      ),
    ).toBe(b);
  });
});

describe('the floor of a session', () => {
  const floor = { written: null, seen: null, seenOn: null, seenMs: 0 };
  const at = (lsn: number) => ({ timeline: 1, lsn });

  test('is met by replicas that have what it wrote', () => {
    fake.sample(fake.primary, 200, 100);
    fake.sample(b, 150, 101);
    expect(picked({ floor: () => ({ ...floor, written: at(150) }) })).toEqual(['replica2']);
    expect(picked({ floor: () => ({ ...floor, written: at(151) }) })).toBe('floor');
  });

  test('is met by the node that showed what was seen, though nobody knows yet how much that was', () => {
    const seen = { ...floor, seen: undefined, seenOn: 'replica1', seenMs: 50 };
    expect(picked({ floor: () => seen })).toEqual(['replica1']);
    a.upSinceMs = 60;
    expect(picked({ floor: () => seen })).toBe('floor');
  });

  test('is met by every node that has reached the bound of what was seen', () => {
    fake.sample(b, 120, 101);
    expect(picked({ floor: () => ({ ...floor, seen: at(120), seenOn: 'replica1', seenMs: 50 }) })).toEqual([
      'replica1',
      'replica2',
    ]);
    expect(picked({ floor: () => ({ ...floor, seen: at(121), seenOn: null }) })).toBe('floor');
  });
});
