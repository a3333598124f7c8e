import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { hostsOf, hostVariablesOf, uses } from '../../bench/operations/actions/point-applications.ts';
import { scramVerifier } from '../../bench/operations/actions/scram.ts';
import { startPostgres } from '../support/postgres.ts';
import { app, down, healthy, node, sender, server, view } from './support/views.ts';

describe('hosts of the applications', () => {
  test('the primary, and the replicas that stream from it', () => {
    expect(hostsOf(healthy())).toEqual({
      primary: 'postgres-primary',
      replicas: ['postgres-replica1', 'postgres-replica2'],
    });
  });

  test('after a failover: the old primary only once it streams', () => {
    const promoted = node('replica1', {
      server: server('primary', { timeline: 2, senders: [sender('replica2')] }),
    });
    const hosts = hostsOf(view([down('primary'), promoted, node('replica2')]));
    expect(hosts).toEqual({ primary: 'postgres-replica1', replicas: ['postgres-replica2'] });
    expect(hostVariablesOf(hosts, 3)).toEqual({
      DB_HOST: 'postgres-replica1',
      DB_REPLICA1_HOST: 'postgres-replica2',
      DB_REPLICA2_HOST: '',
    });
  });

  test('without a primary nobody is pointed anywhere', () => {
    expect(() => hostsOf(view([down('primary'), node('replica1')]))).toThrow('no node is primary');
  });

  test('an application uses them whatever their order', () => {
    const hosts = hostsOf(healthy());
    expect(uses(app('app1', { replicaHosts: ['postgres-replica2', 'postgres-replica1'] }), hosts)).toBe(true);
    expect(uses(app('app1', { replicaHosts: ['postgres-replica2'] }), hosts)).toBe(false);
    expect(uses(app('app1', { routing: 'primary-only' }), hosts)).toBe(false);
  });
});

test('a verifier is the password to PostgreSQL, and does not contain it', async () => {
  await using postgres = await startPostgres();
  const password = "it's: a\\secret";
  const verifier = scramVerifier(password);
  expect(verifier).not.toContain(password);
  await postgres.query(`CREATE ROLE someone LOGIN PASSWORD '${verifier}'`);
  const login = async (secret: string) => {
    const client = new Client({ ...postgres, user: 'someone', password: secret });
    await client.connect();
    await client.end();
  };
  await expect(login(password)).resolves.toBeUndefined();
  await expect(login('another')).rejects.toThrow('password authentication failed');
});
