import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDatabaseConfiguration } from '../../src/db/configuration.ts';
import { PasswordFileError } from '../../src/db/password-file.ts';
import { ConfigurationError } from '../../src/environment.ts';

const login = { DB_HOST: 'postgres-primary', DB_NAME: 'contacts', DB_USER: 'app', DB_PASSWORD: 'secret' };

describe('nodes', () => {
  test('replicas are named and ordered by their number, gaps and two digits included', () => {
    const { nodes } = readDatabaseConfiguration({
      ...login,
      DB_REPLICA10_HOST: 'c',
      DB_REPLICA2_HOST: 'b',
      DB_REPLICA2_PORT: '5434',
    });
    expect(nodes).toEqual([
      { name: 'primary', host: 'postgres-primary', port: 5432 },
      { name: 'replica2', host: 'b', port: 5434 },
      { name: 'replica10', host: 'c', port: 5432 },
    ]);
  });

  test('primary-only routing leaves replicas out, without a warning', () => {
    const configuration = readDatabaseConfiguration({
      ...login,
      DB_ROUTING: 'primary-only',
      DB_REPLICA1_HOST: 'b',
    });
    expect(configuration.nodes).toHaveLength(1);
    expect(configuration.warning).toBeNull();
  });

  test('native routing without replicas degrades to one host with a warning', () => {
    const configuration = readDatabaseConfiguration({ ...login, DB_ROUTING: 'native', DB_REPLICA1_HOST: '' });
    expect(configuration.nodes).toHaveLength(1);
    expect(configuration.warning).toContain('no DB_REPLICA<n>_HOST is set');
  });

  test('one server under two names is refused: reads per node would be a guess', () => {
    const twice = { ...login, DB_REPLICA1_HOST: 'b', DB_REPLICA2_HOST: 'b' };
    expect(() => readDatabaseConfiguration(twice)).toThrow(
      'replica1 and replica2 are the same server, b:5432',
    );
  });
});

describe('the policy of balanced routing', () => {
  test('comes from its variables', () => {
    const { policy } = readDatabaseConfiguration({
      ...login,
      DB_INCLUDE_PRIMARY: '0.5',
      DB_MAX_LAG_MS: '50',
      DB_MAX_LAG_BYTES: '1000',
      DB_READ_WAIT_MS: '20',
      DB_WHEN_STALE: 'reject',
      DB_FALLBACK_CONCURRENT: '2',
      DB_FALLBACK_PER_SECOND: '100',
      DB_FALLBACK_SLOWDOWN: '1.5',
      DB_PROBE_INTERVAL_MS: '25',
      DB_SILENCE_MS: '300',
      DB_WRITING_FUNCTIONS: 'count_visit, log_it',
    });
    expect(policy).toEqual({
      includePrimary: 0.5,
      classes: { default: { maxLagMs: 50, maxLagBytes: 1000, waitMs: 20, otherwise: 'reject' } },
      fallback: { concurrent: 2, perSecond: 100, writeSlowdown: 1.5 },
      probeIntervalMs: 25,
      silenceMs: 300,
      writingFunctions: ['count_visit', 'log_it'],
    });
  });

  test('has the defaults where they are not set, or empty, as compose files write it', () => {
    const { policy } = readDatabaseConfiguration({ ...login, DB_FALLBACK_SLOWDOWN: '', DB_SILENCE_MS: '' });
    expect(policy).toEqual({ classes: { default: {} }, fallback: {} });
  });

  test('need not mind the writes of the primary', () => {
    const { policy } = readDatabaseConfiguration({ ...login, DB_FALLBACK_SLOWDOWN: 'Infinity' });
    expect(policy.fallback).toEqual({ writeSlowdown: Number.POSITIVE_INFINITY });
  });
});

describe('the password from a file', () => {
  const { DB_PASSWORD: _password, ...withoutPassword } = login;
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'replibench-test-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    ['secret', 'secret'],
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    [' two words \n\n', ' two words \n'],
  ])('%j is the password %j', (content, password) => {
    const file = join(folder, 'password');
    writeFileSync(file, content);
    expect(readDatabaseConfiguration({ ...withoutPassword, DB_PASSWORD_FILE: file }).password).toBe(password);
  });

  test('a file that is missing or empty is named', () => {
    const missing = join(folder, 'missing');
    expect(() => readDatabaseConfiguration({ ...withoutPassword, DB_PASSWORD_FILE: missing })).toThrow(
      new PasswordFileError(`DB_PASSWORD_FILE names ${missing}: there is no such file`),
    );
    const empty = join(folder, 'empty');
    writeFileSync(empty, '\n');
    expect(() => readDatabaseConfiguration({ ...withoutPassword, DB_PASSWORD_FILE: empty })).toThrow(
      new PasswordFileError(`DB_PASSWORD_FILE names ${empty}: the file is empty`),
    );
  });

  test('an empty variable is none', () => {
    expect(readDatabaseConfiguration({ ...login, DB_PASSWORD_FILE: '' }).password).toBe('secret');
  });
});

describe('a configuration that cannot be used names every variable at fault', () => {
  const cases = [
    [{}, 'DB_HOST is not set; DB_NAME is not set; DB_USER is not set; DB_PASSWORD is not set'],
    [
      { ...login, DB_PASSWORD_FILE: '/nowhere' },
      'DB_PASSWORD and DB_PASSWORD_FILE are both set: set one of them',
    ],
    [{ ...login, DB_PORT: '0' }, 'DB_PORT is not a port'],
    [{ ...login, DB_PORT: 'x' }, 'DB_PORT is not a port'],
    [{ ...login, DB_REPLICA1_HOST: 'b', DB_REPLICA1_PORT: '70000' }, 'DB_REPLICA1_PORT is not a port'],
    [{ ...login, DB_ROUTING: 'random' }, 'DB_ROUTING is none of primary-only, native and balanced'],
    [{ ...login, DB_POOL_MAX: '0' }, 'DB_POOL_MAX is less than 1'],
    [{ ...login, DB_FALLBACK_SLOWDOWN: '0.9' }, 'DB_FALLBACK_SLOWDOWN is not a number of 1 or more'],
    [{ ...login, DB_FALLBACK_SLOWDOWN: 'much' }, 'DB_FALLBACK_SLOWDOWN is not a number of 1 or more'],
  ] as const;

  test.each(cases)('%o', (environment, message) => {
    expect(() => readDatabaseConfiguration(environment)).toThrow(new ConfigurationError(message));
  });
});
