import { describe, expect, test } from 'vitest';
import { ConfigurationError, readDatabaseConfiguration } from '../../src/db/configuration.ts';

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

describe('a configuration that cannot be used names every variable at fault', () => {
  const cases = [
    [{}, 'DB_HOST is not set; DB_NAME is not set; DB_USER is not set; DB_PASSWORD is not set'],
    [{ ...login, DB_PORT: '0' }, 'DB_PORT is not a port'],
    [{ ...login, DB_PORT: 'x' }, 'DB_PORT is not a port'],
    [{ ...login, DB_REPLICA1_HOST: 'b', DB_REPLICA1_PORT: '70000' }, 'DB_REPLICA1_PORT is not a port'],
    [{ ...login, DB_ROUTING: 'random' }, 'DB_ROUTING is neither primary-only nor native'],
    [{ ...login, DB_POOL_MAX: '0' }, 'DB_POOL_MAX is less than 1'],
  ] as const;
  test.each(cases)('%o', (environment, message) => {
    expect(() => readDatabaseConfiguration(environment)).toThrow(new ConfigurationError(message));
  });
});
