import { describe, expect, test } from 'vitest';
import { readCacheConfiguration } from '../../src/cache/configuration.ts';
import { ConfigurationError } from '../../src/environment.ts';

test('there is no cache by default, and a stray REDIS_URL makes none', () => {
  expect(readCacheConfiguration({})).toBeNull();
  expect(readCacheConfiguration({ CACHE: 'none', REDIS_URL: 'nonsense' })).toBeNull();
});

test('the address that may be printed has neither user nor password', () => {
  const url = 'rediss://user:secret@redis.example:6380/2';
  expect(readCacheConfiguration({ CACHE: 'redis', REDIS_URL: url })).toEqual({
    url,
    address: 'rediss://redis.example:6380/2',
    ttlMs: 5_000,
    patienceMs: 50,
  });
});

describe('what cannot be used is named, without the value', () => {
  const form = 'REDIS_URL is not redis://[[user][:password]@]host[:port][/number]';
  const cases = [
    [{ CACHE: 'memcached' }, 'CACHE is neither none nor redis'],
    [{ CACHE: 'redis' }, 'REDIS_URL is not set'],
    [{ CACHE: 'redis', REDIS_URL: 'http://:secret@redis' }, form],
    [{ CACHE: 'redis', REDIS_URL: 'redis://:secret@redis:port' }, form],
    [{ CACHE: 'redis', REDIS_URL: 'redis://:secret@redis/db' }, form],
    [
      { CACHE: 'redis', REDIS_URL: 'redis://redis', CACHE_TTL_MS: '1' },
      'CACHE_TTL_MS is not a whole number of milliseconds from 100 to 3600000',
    ],
  ] as const;
  test.each(cases)('%o', (environment, message) => {
    expect(() => readCacheConfiguration(environment)).toThrow(new ConfigurationError(message));
  });
});
