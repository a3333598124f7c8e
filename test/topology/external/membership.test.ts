import { expect, test } from 'vitest';
import type { NodeAddress } from '../../../bench/model.ts';
import {
  askMembership,
  checkMembership,
  type Membership,
} from '../../../bench/topology/external/membership.ts';
import { type PostgresNode, startReplicated } from '../../support/postgres.ts';

const node = (name: string, port: number): NodeAddress => ({
  ...{ name, role: name === 'primary' ? 'primary' : 'replica', host: 'db', port },
  ...{ database: 'd', user: 'u', password: 's3cret' },
});
const membership = (inRecovery: boolean, system = '1'): Membership => ({
  ...{ inRecovery, system, version: '17.10', standbyName: null, receiving: null },
});
const primary = { address: node('primary', 1), membership: membership(false) };

test('a primary and its replicas', () => {
  const replica = { address: node('replica1', 2), membership: membership(true) };
  expect(() => checkMembership([primary, replica])).not.toThrow();
});

test.each([
  [
    'the primary is a replica',
    [{ address: node('primary', 1), membership: membership(true) }],
    'primary (db:1) is in recovery, so it is a replica',
  ],
  [
    'a replica is a primary',
    [primary, { address: node('replica1', 2), membership: membership(false) }],
    'replica1 (db:2) is not in recovery',
  ],
  [
    'a replica of another cluster',
    [primary, { address: node('replica1', 2), membership: membership(true, '2') }],
    "replica1 (db:2) belongs to another cluster (system identifier 2, the primary's is 1)",
  ],
  [
    'one server twice',
    [
      primary,
      { address: node('replica1', 2), membership: membership(true) },
      { address: node('replica2', 2), membership: membership(true) },
    ],
    'replica1 and replica2 are the same server, db:2',
  ],
])('%s', (_name, members, message) => {
  expect(() => checkMembership(members)).toThrow(message);
});

test('whether a replica receives: yes, no, or hidden from who asks', async () => {
  await using cluster = await startReplicated(1);
  const { primary, replicas } = cluster;
  const [replica] = replicas as [PostgresNode];
  await primary.query("CREATE ROLE somebody LOGIN PASSWORD 'nobody'");
  await cluster.caughtUp();
  const receiving = async (server: PostgresNode, login: object = {}): Promise<boolean | null> => {
    const { host, port, database, user, password } = server;
    const address: NodeAddress = { name: 'n', role: 'replica', host, port, database, user, password };
    return (await askMembership({ ...address, ...login })).receiving;
  };
  const somebody = { user: 'somebody', password: 'nobody' };
  expect(await receiving(primary)).toBeNull();
  expect(await receiving(replica)).toBe(true);
  expect(await receiving(replica, somebody)).toBeNull();
  await primary.stop();
  await expect.poll(() => receiving(replica), { timeout: 30_000 }).toBe(false);
  await expect.poll(() => receiving(replica, somebody), { timeout: 30_000 }).toBe(false);
}, 120_000);
