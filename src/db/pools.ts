/**
 * The one place that knows how Sequelize 6 keeps its pools, which its typings do not say.
 * With `replication` the pool is an object of two: `write`, and `read` for all read hosts together.
 */
import type { Sequelize } from 'sequelize';
import type { Router } from './routing/index.ts';

export interface PoolState {
  /**
   * `all` in single-host mode, `read` and `write` with native replication; when balanced `primary`, `replica1` ...,
   * and `reads` for those that have no node yet.
   */
  readonly pool: string;
  /** Open and opening connections. */
  readonly size: number;
  readonly inUse: number;
  readonly idle: number;
  readonly waiting: number;
}

interface Pool {
  readonly size: number;
  readonly using: number;
  readonly available: number;
  readonly waiting: number;
}

interface ReplicationPool {
  readonly read: Pool;
  readonly write: Pool;
  destroy(connection: object): void;
}

/** Sizes of every pool, as they are now. `router`: null unless it is balanced. */
export function readPools(sequelize: Sequelize, router: Router | null): readonly PoolState[] {
  if (router !== null) {
    return [
      { pool: 'reads', size: 0, inUse: 0, idle: 0, waiting: router.waitingReads },
      ...router.cluster.nodes.map(({ name, pool: { size, using, idle, waiting } }) => ({
        ...{ pool: name, size, inUse: using, idle, waiting },
      })),
    ];
  }
  const pool = poolOf(sequelize);
  if (!isReplicationPool(pool)) return [stateOf('all', pool)];
  return [stateOf('read', pool.read), stateOf('write', pool.write)];
}

/**
 * Lets a connection be lost before its pool owns it. When a server drops a connection between its
 * handshake and the first SET, Sequelize 6.37 calls `pool[connection.queryType].destroy` while queryType
 * is not set yet: a TypeError inside an event handler, which ends the process. The pool's own create()
 * already fails in that case, so there is nothing to destroy.
 */
export function tolerateEarlyDrop(sequelize: Sequelize): void {
  const pool = poolOf(sequelize);
  if (!isReplicationPool(pool)) return;
  const destroy = pool.destroy.bind(pool);
  pool.destroy = (connection) => {
    if ('queryType' in connection) destroy(connection);
  };
}

function poolOf(sequelize: Sequelize): Pool | ReplicationPool {
  const manager: object = sequelize.connectionManager;
  if (!('pool' in manager))
    throw new Error('this Sequelize keeps its pool elsewhere: version 6.37 is expected');
  return manager.pool as Pool | ReplicationPool;
}

function isReplicationPool(pool: Pool | ReplicationPool): pool is ReplicationPool {
  return 'read' in pool;
}

function stateOf(name: string, pool: Pool): PoolState {
  return { pool: name, size: pool.size, inUse: pool.using, idle: pool.available, waiting: pool.waiting };
}
