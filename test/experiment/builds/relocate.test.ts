import { expect, test } from 'vitest';
import type { ApplicationDefinition } from '../../../bench/experiment/application-definition.ts';
import { relocate } from '../../../bench/experiment/builds/relocate.ts';

const definition: ApplicationDefinition = {
  name: 'shop',
  command: ['/repo/node_modules/node/bin/node', '/repo/src/main.ts', '--flag', '/etc/shop.json'],
  cwd: '/repo/service',
  env: () => ({ A: '1' }),
  withheld: /^PG/,
  readyPath: '/',
  readyTimeoutMs: 1,
  prepare: { sqlFile: '/repo/schema.sql' },
};

test('paths of the repository become those of the checkout; the program and others stay', () => {
  const moved = relocate(definition, '/repo', '/tmp/other');
  expect(moved.command).toEqual([
    '/repo/node_modules/node/bin/node',
    '/tmp/other/src/main.ts',
    '--flag',
    '/etc/shop.json',
  ]);
  expect(moved.cwd).toBe('/tmp/other/service');
  expect(moved.prepare).toEqual({ sqlFile: '/tmp/other/schema.sql' });
  expect(moved.env).toBe(definition.env);
});

test('a folder whose name begins like the repository is another one', () => {
  const beside = {
    ...definition,
    cwd: '/repo-two',
    prepare: { command: 'make db', cwd: '/repo', env: () => ({}) },
  };
  const moved = relocate(beside, '/repo', '/tmp/other');
  expect(moved.cwd).toBe('/repo-two');
  expect(moved.prepare).toMatchObject({ command: 'make db', cwd: '/tmp/other' });
});

test('the root itself moves, too', () => {
  expect(relocate({ ...definition, cwd: '/repo' }, '/repo', '/tmp/other').cwd).toBe('/tmp/other');
});
