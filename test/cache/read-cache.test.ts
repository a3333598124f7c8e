import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type Cached,
  type CacheResult,
  createReadCache,
  type ReadCache,
} from '../../src/cache/read-cache.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';

let now: number;
let store: MemoryStore;
let counted: Record<CacheResult, number>;
let outages: (string | null)[];
let cache: ReadCache;
/** What the database holds, and how often it was asked. */
let row: string;
let loads: number;

beforeEach(() => {
  now = 0;
  row = 'first';
  loads = 0;
  counted = { hit: 0, miss: 0, error: 0 };
  outages = [];
  store = createMemoryStore(() => now);
  cache = createReadCache(store, {
    ttlMs: 5_000,
    patienceMs: 50,
    clock: () => now,
    count: (result) => {
      counted[result] += 1;
    },
    reportOutage: (reason) => outages.push(reason),
  });
});

const load = async (): Promise<string> => {
  loads += 1;
  return row;
};

async function read(loader = load): Promise<string> {
  const cached: Cached<string> = await cache.read('key', loader, (value) => value);
  // What is kept is kept beside the answer.
  await turn();
  return cached.result === 'hit' ? cached.text : cached.value;
}

/** A load that the test ends when it likes. */
function heldLoad(): { readonly load: () => Promise<string>; readonly end: (value: string) => void } {
  const { promise, resolve } = Promise.withResolvers<string>();
  return {
    load: () => {
      loads += 1;
      return promise;
    },
    end: resolve,
  };
}

describe('cache-aside', () => {
  test('the second read is a hit until the time to live is over', async () => {
    await read();
    now = 4_999;
    expect(await read()).toBe('first');
    expect(loads).toBe(1);
    now = 5_001;
    await read();
    expect(loads).toBe(2);
    expect(counted).toEqual({ hit: 1, miss: 2, error: 0 });
  });

  test('a failed load is told, and not kept', async () => {
    await expect(read(() => Promise.reject(new Error('no such user')))).rejects.toThrow('no such user');
    expect(await read()).toBe('first');
  });
});

describe('readers at the same time', () => {
  test('share one load, and its failure', async () => {
    const held = heldLoad();
    const readers = Array.from({ length: 20 }, () => read(held.load));
    await turn();
    held.end('one');
    expect(new Set(await Promise.all(readers))).toEqual(new Set(['one']));
    expect(loads).toBe(1);
    expect(counted).toEqual({ hit: 0, miss: 20, error: 0 });
    now = 10_000;
    const failing = Array.from({ length: 3 }, () => read(() => Promise.reject(new Error('down'))));
    expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(
      Array(3).fill('rejected'),
    );
  });
});

describe('a write', () => {
  test('is seen by the next read', async () => {
    await read();
    row = 'second';
    await cache.forget('key');
    expect(await read()).toBe('second');
  });

  test('keeps a slow reader from putting the old row back', async () => {
    const held = heldLoad();
    const slow = read(held.load);
    await turn();
    row = 'second';
    await cache.forget('key');
    held.end('first');
    expect(await slow).toBe('first');
    expect(await read()).toBe('second');
  });

  test('keeps a lagging replica from being cached for its guard time, and no longer', async () => {
    await cache.forget('key');
    const stale = async (): Promise<string> => 'stale';
    expect(await read(stale)).toBe('stale');
    now = 999;
    row = 'second';
    expect(await read()).toBe('second');
    now = 1_001;
    await read();
    await read();
    expect(counted.hit).toBe(1);
  });

  test('is not hidden by a load that began before it', async () => {
    const held = heldLoad();
    const before = read(held.load);
    await turn();
    row = 'second';
    await cache.forget('key');
    expect(await read()).toBe('second');
    held.end('first');
    await before;
  });
});

describe('a store that fails', () => {
  test('costs an answer nothing, and is left alone after three failures', async () => {
    store.behaviour = 'fails';
    for (let time = 0; time < 10; time += 1) expect(await read()).toBe('first');
    expect(store.asked).toBe(3);
    expect(counted).toEqual({ hit: 0, miss: 0, error: 10 });
    expect(outages).toEqual(['the store is broken']);
    await cache.forget('key');
    expect(store.asked).toBe(3);
  });

  test('is asked by one reader a second, and used again when it answers', async () => {
    store.behaviour = 'fails';
    for (let time = 0; time < 4; time += 1) await read();
    now = 1_001;
    for (let time = 0; time < 4; time += 1) await read();
    expect(store.asked).toBe(4);
    expect(store.renewed).toBe(1);
    store.behaviour = 'works';
    now = 2_002;
    await read();
    await read();
    expect(counted).toEqual({ hit: 1, miss: 1, error: 8 });
    expect(outages).toEqual(['the store is broken', null]);
  });

  test('that never answers is waited for once, not each time', async () => {
    store.behaviour = 'hangs';
    const all = await Promise.all(
      Array.from({ length: 10 }, (_, key) => cache.read(`key${key}`, load, (value) => value)),
    );
    expect(all.map(({ result }) => result)).toEqual(Array(10).fill('error'));
    expect(store.asked).toBe(10);
    await read();
    await cache.forget('key');
    expect(store.asked).toBe(10);
    expect(outages).toEqual(['no answer within 50 ms']);
  });

  test('a write does not fail with it', async () => {
    store.behaviour = 'fails';
    await expect(cache.forget('a', 'b')).resolves.toBeUndefined();
  });
});
