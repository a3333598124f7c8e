import { expect, test } from 'vitest';
import type { NodeAddress } from '../../../bench/model.ts';
import { checkMembership, type Membership } from '../../../bench/topology/external/membership.ts';

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
