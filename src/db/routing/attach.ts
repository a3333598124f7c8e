/**
 * Puts a router into a Sequelize 6 instance that was made without `replication`: its pool, its way to connections and
 * its `query` are replaced; hooks, types, models and transactions stay Sequelize's own.
 */
import type { Sequelize } from 'sequelize';
import { getConnection, transactionOptions } from './acquire.ts';
import type { Connection, Connector, NodeAddress } from './connection.ts';
import { type Context, route } from './queries.ts';
import type { Router } from './router.ts';
import { insideOf } from './sequelize-inside.ts';
import type { StatementRules } from './statement.ts';

const farewellMs = 500;

/** Connections as Sequelize makes them, to any node. `onRole`: the server says that it was promoted or demoted. */
export function connectorOf(sequelize: Sequelize, onRole: (node: NodeAddress) => void): Connector {
  const { connectionManager } = insideOf(sequelize);
  return {
    async open(address) {
      const { host, port, login = {} } = address;
      const connection = await connectionManager._connect({
        ...connectionManager.config,
        ...login,
        host,
        port,
      });
      // From PostgreSQL 14 on, with its next answer on each connection.
      connection.connection.on('parameterStatus', ({ parameterName }) => {
        if (parameterName === 'in_hot_standby') onRole(address);
      });
      return connection;
    },
    async close(connection) {
      // A server that hangs would never answer the farewell.
      const timer = setTimeout(() => connection.connection.stream.destroy(), farewellMs).unref();
      try {
        await connectionManager._disconnect(connection);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

export function attach(sequelize: Sequelize, router: Router, rules: StatementRules): void {
  const inside = insideOf(sequelize);
  const { connectionManager } = inside;
  connectionManager.pool = {
    acquire: () => Promise.reject(new Error('connections come from the router')),
    release: (connection: Connection) => router.release(connection),
    // Called by an event of the connection, where nobody could hear of a failure.
    destroy: (connection: Connection) => router.lost(connection).catch(() => undefined),
    drain: () => router.close(),
    destroyAllNow: async () => undefined,
  };
  // A transaction whose end failed: its connection is in a state that nobody knows, its node may be well.
  connectionManager.destroyConnection = (connection) => router.discard(connection);
  const context: Context = {
    ...{ inside, router, rules },
    original: inside.query.bind(sequelize),
    asking: null,
  };
  connectionManager.getConnection = (options = {}) => getConnection(context, options);
  inside.query = (sql, given) => route(context, sql, given ?? {});
  const begin = inside.transaction.bind(sequelize);
  inside.transaction = (...given) => {
    const [options] = given;
    return typeof options === 'object' && options !== null
      ? transactionOptions.run(options, () => begin(...given))
      : begin(...given);
  };
}
