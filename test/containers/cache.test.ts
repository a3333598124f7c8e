import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { docker } from '../../bench/topology/docker/engine.ts';
import { createReadCache, type ReadCache, type ReadCacheOptions } from '../../src/cache/read-cache.ts';
import { openRedisStore } from '../../src/cache/redis-store.ts';
import type { CacheStore } from '../../src/cache/store.ts';
import { freePort } from '../support/postgres.ts';
import { describeWithEngine } from './support/engine.ts';
import { until } from './support/until.ts';

describeWithEngine('the read cache with a real Redis', () => {
  const name = `rbtest-${process.pid}-${randomBytes(4).toString('hex')}`;
  let store: CacheStore;
  let cache: ReadCache;
  let outages: (string | null)[];

  beforeAll(async () => {
    const port = await freePort();
    await docker([
      ...['run', '-d', '--name', name, '-p', `127.0.0.1:${port}:6379`],
      // By this label .ci/engine finds what a killed run has left.
      ...['--label', `com.docker.compose.project=${name}`],
      ...[
        process.env['REDIS_IMAGE'] || 'redis:7',
        'redis-server',
        '--save',
        '',
        '--appendonly',
        'no',
        '--protected-mode',
        'no',
      ],
    ]);
    store = await openRedisStore({ url: `redis://127.0.0.1:${port}`, keyPrefix: 'test:' });
    await answering();
  });
  afterAll(async () => {
    await store?.[Symbol.asyncDispose]();
    await docker(['rm', '-f', '-v', name]);
  });
  beforeEach(() => {
    outages = [];
    cache = makeCache();
  });

  /** With the patience of a busy machine: what is tested here is not the speed. */
  const makeCache = (options: Partial<ReadCacheOptions> = {}): ReadCache =>
    createReadCache(store, {
      ...{ ttlMs: 600_000, patienceMs: 2_000, clock: () => performance.now() },
      count: () => undefined,
      reportOutage: (reason) => outages.push(reason),
      ...options,
    });

  const answering = (): Promise<true> =>
    until('Redis to answer', async () => (await store.get('any')) === null);
  const read = async (key: string, row: string): Promise<string> => {
    const cached = await cache.read(
      key,
      async () => row,
      (value) => value,
    );
    return cached.result;
  };
  const hit = (key: string): Promise<true> =>
    until(`a hit of ${key}`, async () => (await read(key, 'row')) === 'hit', { everyMs: 100 });

  test('keeps, forgets and guards as the store in memory does', async () => {
    expect(await read('a', 'first')).toBe('miss');
    await hit('a');
    await store.add('a', 'another', 60_000);
    expect(await store.get('a')).toBe('first');
    // Longer than the reads beside it can take.
    await makeCache({ guardMs: 600_000 }).forget('a');
    expect(await store.get('a')).toBe('');
    expect(await read('a', 'stale')).toBe('miss');
    expect(await store.get('a')).toBe('');
    await makeCache({ guardMs: 1 }).forget('a');
    await hit('a');
  });

  test('is done without while the container is frozen, and used again afterwards', async () => {
    await hit('b');
    await docker(['pause', name]);
    try {
      await until('the outage to be noticed', async () => {
        expect(await read('b', 'row')).toBe('error');
        return outages.length > 0;
      });
      expect(outages).toEqual(['no answer within 2000 ms']);
    } finally {
      await docker(['unpause', name]);
    }
    await hit('b');
    expect(outages.at(-1)).toBeNull();
  });

  test('begins anew when Redis has lost everything', async () => {
    await hit('c');
    await docker(['restart', '-t', '1', name]);
    await answering();
    expect(await store.get('c')).toBeNull();
    await hit('c');
  });
});
