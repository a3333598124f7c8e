/** What the environment says about the cache. */
import { z } from 'zod';
import { type Environment, parseEnvironment } from '../environment.ts';

export interface CacheConfiguration {
  readonly url: string;
  /** Host, port and database of the URL: what may be printed. */
  readonly address: string;
  readonly ttlMs: number;
  /** Longest wait for an answer of Redis. */
  readonly patienceMs: number;
}

const milliseconds = (least: number, most: number) => {
  const message = `is not a whole number of milliseconds from ${least} to ${most}`;
  return z.coerce.number(message).int(message).min(least, message).max(most, message);
};

const variables = z.object({
  CACHE: z.literal(['', 'none', 'redis'], 'is neither none nor redis').default('none'),
});

const redisAddress = {
  REDIS_URL: z
    .string({ error: 'is not set' })
    // Without the value: it may hold a password.
    .refine((url) => parseRedisUrl(url) !== null, 'is not redis://[[user][:password]@]host[:port][/number]'),
};

const redisVariables = z.object({
  ...redisAddress,
  CACHE_TTL_MS: milliseconds(100, 3_600_000).default(5_000),
  // Some times what a cached read should take, and less than a person notices.
  CACHE_TIMEOUT_MS: milliseconds(1, 60_000).default(50),
});

/**
 * Reads `CACHE` (`none`, the default, or `redis`), and for the latter `REDIS_URL`, `CACHE_TTL_MS` and
 * `CACHE_TIMEOUT_MS`; null when there is no cache. Throws ConfigurationError, which never holds the URL.
 */
export function readCacheConfiguration(environment: Environment): CacheConfiguration | null {
  const { CACHE: kind } = parseEnvironment(variables, environment);
  if (kind !== 'redis') return null;
  const values = parseEnvironment(redisVariables, environment);
  const { REDIS_URL: url, CACHE_TTL_MS: ttlMs, CACHE_TIMEOUT_MS: patienceMs } = values;
  const { protocol, host, pathname } = parseRedisUrl(url) ?? new URL(url);
  return { url, address: `${protocol}//${host}${pathname === '/' ? '' : pathname}`, ttlMs, patienceMs };
}

/** Reads `REDIS_URL`, which must be set. Throws ConfigurationError, which never holds the URL. */
export function readRedisUrl(environment: Environment): string {
  return parseEnvironment(z.object(redisAddress), environment).REDIS_URL;
}

function parseRedisUrl(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '') return null;
  return /^(\/\d*)?$/.test(url.pathname) ? url : null;
}
