import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openRedisStore } from '../../src/cache/redis-store.ts';
import type { CacheStore } from '../../src/cache/store.ts';
import { startFakeRedis } from '../support/fake-redis.ts';

const open = (url: string): Promise<CacheStore> => openRedisStore({ url, keyPrefix: 'test:' });

/** Asks until the store answers; the test's own time limit ends it. */
async function answering(store: CacheStore, between: () => void = () => undefined): Promise<string | null> {
  for (;;) {
    const answer = await Promise.race([store.get('key').catch(() => undefined), delay(200, undefined)]);
    if (answer !== undefined) return answer;
    between();
    await delay(50);
  }
}

test('keeps texts, adds only where nothing is, and forgets after the time to live', async () => {
  await using redis = await startFakeRedis();
  await using store = await open(redis.url);
  expect(await answering(store)).toBeNull();
  await store.add('key', 'naïve "text"', 60_000);
  await store.add('key', 'another', 60_000);
  expect(await store.get('key')).toBe('naïve "text"');
  await store.replace('key', '', 60_000);
  expect(await store.get('key')).toBe('');
  await store.replace('key', 'short', 20);
  while ((await store.get('key')) !== null) await delay(10);
});

test('without a server every command fails at once; it is used as soon as it is there', async () => {
  await using redis = await startFakeRedis();
  await redis.stop();
  await using store = await open(redis.url);
  await expect(store.get('key')).rejects.toThrow(`ECONNREFUSED 127.0.0.1:${redis.port}`);
  await redis.start();
  expect(await answering(store)).toBeNull();
});

test('comes back after the server was gone', async () => {
  await using redis = await startFakeRedis();
  await using store = await open(redis.url);
  await answering(store);
  await store.add('key', 'kept', 60_000);
  await redis.stop();
  await expect(store.get('key')).rejects.toThrow();
  await redis.start();
  expect(await answering(store)).toBe('kept');
});

test('leaves a connection that hangs behind when told to', async () => {
  await using redis = await startFakeRedis();
  await using store = await open(redis.url);
  await answering(store);
  await store.add('key', 'kept', 60_000);
  redis.hang();
  expect(await Promise.race([store.get('key'), delay(100, 'nothing')])).toBe('nothing');
  redis.recover();
  expect(await answering(store, () => store.renew())).toBe('kept');
});

test('a password is used, and a wrong one is not told', async () => {
  await using redis = await startFakeRedis({ password: 'right' });
  await using store = await open(`redis://:right@127.0.0.1:${redis.port}`);
  expect(await answering(store)).toBeNull();
  await using other = await open(`redis://:not-the-one@127.0.0.1:${redis.port}`);
  const problem = await other.get('key').catch((error: Error) => error.message);
  expect(problem).toContain('WRONGPASS');
  expect(problem).not.toContain('not-the-one');
});
