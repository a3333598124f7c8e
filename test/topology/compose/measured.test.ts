import { expect, test } from 'vitest';
import { randomPasswords, stackEnvironment } from '../../../bench/topology/compose/measured-environment.ts';
import { overrideFile } from '../../../bench/topology/compose/override.ts';

test('a measured stack hears of the engine and the images, and of no other stack', () => {
  const passwords = randomPasswords();
  const caller = {
    ...{
      PATH: '/bin',
      HOME: '/root',
      DOCKER_HOST: 'unix:///x',
      POSTGRES_IMAGE: 'postgres:16',
      https_proxy: 'p',
    },
    ...{ DB_HOST: 'postgres-replica1', POSTGRES_PASSWORD: 'mine', PRIMARY_PORT: '5432', APP_CPUS: '9' },
    ...{ COMPOSE_FILE: 'x.yml', COMPOSE_PROJECT_NAME: 'mine', DATA_USERS: '1' },
  };
  expect(stackEnvironment(caller, passwords, { DATA_USERS: '500' })).toEqual({
    ...{
      PATH: '/bin',
      HOME: '/root',
      DOCKER_HOST: 'unix:///x',
      POSTGRES_IMAGE: 'postgres:16',
      https_proxy: 'p',
    },
    ...passwords,
    DATA_USERS: '500',
    ...{ PRIMARY_PORT: '0', REPLICA1_PORT: '0', REPLICA2_PORT: '0', HTTP_PORT: '0' },
  });
});

test('passwords are new each time and differ from each other', () => {
  const all = [...Object.values(randomPasswords()), ...Object.values(randomPasswords())];
  expect(new Set(all).size).toBe(8);
});

test('the override names only services that the file has', () => {
  expect(overrideFile(0)).not.toContain('postgres-replica');
  const lines = overrideFile(2).split('\n');
  expect(lines).toContain('  postgres-replica2:');
  expect(lines.filter((line) => line.includes('cpus: !reset null'))).toHaveLength(8);
  expect(lines.filter((line) => line.includes('healthcheck: { interval: 1h'))).toHaveLength(8);
  expect(lines.filter((line) => line.includes("'127.0.0.1:0:3000'"))).toHaveLength(3);
});
