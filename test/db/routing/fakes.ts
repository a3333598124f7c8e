/** Nodes without servers. */
import { EventEmitter } from 'node:events';
import { Cluster } from '../../../src/db/routing/cluster.ts';
import type { Connection, Connector, Purpose } from '../../../src/db/routing/connection.ts';
import type { Loan, PoolLimits } from '../../../src/db/routing/connection-pool.ts';
import { RoutedNode } from '../../../src/db/routing/node.ts';
import type { ReadClass } from '../../../src/db/routing/pick.ts';
import type { ProbeSample } from '../../../src/db/routing/probe.ts';

export class FakeConnection extends EventEmitter implements Connection {
  readyForQuery = true;
  _invalid?: boolean;
  readonly destroyed = { stream: false };
  readonly connection = Object.assign(new EventEmitter(), {
    stream: {
      destroy: () => {
        this.destroyed.stream = true;
      },
    },
  });
}

export function loan(purpose: Purpose): Loan {
  return { purpose, startMs: 0, holds: null, writeMs: null };
}

export const limits: PoolLimits = { max: 2, acquireMs: 1_000, idleMs: 60_000, maxUses: 1_000 };
export const anyLag: ReadClass = { maxLagMs: 1e9, maxLagBytes: 1e15, waitMs: 0, otherwise: 'reject' };

export interface FakeConnector extends Connector {
  readonly opened: FakeConnection[];
  readonly closed: Connection[];
  /** What the next attempts to connect do; by default they succeed. */
  readonly plan: ('refuse' | 'hang')[];
}

export function fakeConnector(): FakeConnector {
  const opened: FakeConnection[] = [];
  const closed: Connection[] = [];
  const plan: ('refuse' | 'hang')[] = [];
  return {
    opened,
    closed,
    plan,
    async open() {
      const step = plan.shift();
      if (step === 'refuse') throw new Error('connect ECONNREFUSED');
      if (step === 'hang') await new Promise(() => undefined);
      const connection = new FakeConnection();
      opened.push(connection);
      return connection;
    },
    async close(connection) {
      closed.push(connection);
    },
  };
}

export interface FakeCluster {
  readonly cluster: Cluster;
  readonly primary: RoutedNode;
  readonly replicas: readonly RoutedNode[];
  readonly changes: string[];
  readonly roles: string[];
  /** A sample of the node, taken at `ms`. */
  sample(node: RoutedNode, lsn: number, ms: number, more?: Partial<ProbeSample>): void;
}

export function fakeCluster(replicaCount = 2, primaryWeight = 0): FakeCluster {
  const changes: string[] = [];
  const roles: string[] = [];
  const names = ['primary', ...Array.from({ length: replicaCount }, (_, index) => `replica${index + 1}`)];
  const nodes = names.map(
    (name, index) =>
      new RoutedNode(
        { name, host: 'h', port: 1 },
        index === 0 ? 'primary' : 'replica',
        primaryWeight,
        limits,
        fakeConnector(),
        () => 0,
        () => undefined,
      ),
  );
  const [primary, ...replicas] = nodes;
  if (primary === undefined) throw new Error('a cluster has a primary');
  const cluster = new Cluster([primary, ...replicas], 200, {
    roleChanged: (node, from, to) => roles.push(`${node.name}: ${from} -> ${to}`),
    primaryChanged: (from, to) => changes.push(`${from?.name ?? 'none'} -> ${to?.name ?? 'none'}`),
  });
  return {
    cluster,
    primary,
    replicas,
    changes,
    roles,
    sample(node, lsn, ms, more = {}) {
      const isPrimary = more.isPrimary ?? node.role === 'primary';
      cluster.sampled(node, {
        ...{
          isPrimary,
          timeline: 1,
          checkpointTimeline: 1,
          lsn,
          sentMs: ms,
          receivedMs: ms + 1,
          serverMs: ms,
        },
        ...more,
      });
    },
  };
}
