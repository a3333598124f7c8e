/** Opens the sample application's database: Sequelize with its models, its pools and its routing. */
import type { Options, Sequelize } from 'sequelize';
import type { DatabaseConfiguration } from './configuration.ts';
import { connectRetry } from './connect-retry.ts';
import { defineModels, type Models } from './models.ts';
import { type PoolState, readPools, tolerateEarlyDrop } from './pools.ts';
import { createDatabase, type Router, type RoutingObserver } from './routing/index.ts';
import { createNodeTags, noteServingNode } from './serving-node.ts';

export interface Database extends AsyncDisposable {
  readonly configuration: DatabaseConfiguration;
  readonly sequelize: Sequelize;
  readonly models: Models;
  /** Null unless routing is `balanced`. */
  readonly router: Router | null;
  pools(): readonly PoolState[];
  /** Waits for queries in flight, then closes every connection. */
  close(): Promise<void>;
}

/** Told what happens to queries; must not throw (a throwing hook would leak its connection). */
export interface DatabaseObserver {
  /** What the router does, when routing is `balanced`. */
  readonly routing?: RoutingObserver;
  /** A query got its connection after waiting `waitSeconds`; `node` is undefined for an unknown server. */
  acquired?(node: string | undefined, waitSeconds: number): void;
}

/**
 * Opens lazily: no connection is made until the first query.
 *
 * `native` with replicas is Sequelize's own replication: SELECTs outside a transaction go to the read pool,
 * all else to the primary. Its "round robin" over read hosts happens when a connection is *made*; the pool
 * then hands out the connection that came back last. At low concurrency one replica therefore serves
 * nearly everything (200 reads one after another: 200 to 0). That is what `native` means, so it stays.
 */
export function openDatabase(
  configuration: DatabaseConfiguration,
  observer: DatabaseObserver = {},
): Database {
  const { routing, policy, nodes } = configuration;
  const { sequelize, router } = createDatabase({
    ...sequelizeOptions(configuration),
    ...{ routing, policy, nodeNames: nodes.map(({ name }) => name) },
    observer: { ...observer.routing, ...acquiredByRouter(observer) },
  });
  if (router === null) tolerateEarlyDrop(sequelize);
  // The router tells of it itself.
  followConnections(sequelize, configuration, router === null ? observer.acquired : undefined);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= sequelize.close();
    return closing;
  };
  return {
    configuration,
    sequelize,
    models: defineModels(sequelize),
    router,
    pools: () => readPools(sequelize, router),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function acquiredByRouter({ acquired }: DatabaseObserver): Pick<RoutingObserver, 'acquired'> {
  return acquired === undefined ? {} : { acquired: (node, waitMs) => acquired(node, waitMs / 1000) };
}

/** The typings of Sequelize 6.37 lack databaseVersion. */
type OptionsWithVersion = Options & { readonly databaseVersion: string };

function sequelizeOptions(configuration: DatabaseConfiguration): OptionsWithVersion {
  const [primary, ...replicas] = configuration.nodes;
  const { database, user: username, password } = configuration;
  const login = { database, username, password };
  const addresses: Options =
    replicas.length === 0
      ? { host: primary.host, port: primary.port, ...login }
      : {
          replication: {
            write: { host: primary.host, port: primary.port, ...login },
            read: replicas.map(({ host, port }) => ({ host, port, ...login })),
          },
        };
  return {
    ...addresses,
    dialect: 'postgres',
    // Unset, the first query of all would dial the *primary* to ask its version, and reads would fail
    // while only the primary is down.
    databaseVersion: '17.0.0',
    logging: false,
    pool: {
      max: configuration.pool.max,
      min: 0,
      acquire: configuration.pool.acquireMs,
      maxUses: configuration.pool.maxUses,
      // Longer than a pause between two slices of a benchmark, which would otherwise start with logins.
      idle: 60_000,
    },
    dialectOptions: {
      application_name: configuration.instance,
      keepAlive: true,
      // Unset, a black-holed replica would hold its share of the pool for ever and starve the healthy ones.
      connectionTimeoutMillis: configuration.connectTimeoutMs,
      query_timeout: configuration.queryTimeoutMs,
    },
    // The router does so itself.
    ...(configuration.routing === 'balanced' ? {} : { retry: connectRetry() }),
  };
}

/** Tags connections with their nodes and reports who served what. None of these hooks can throw. */
function followConnections(
  sequelize: Sequelize,
  configuration: DatabaseConfiguration,
  acquired: DatabaseObserver['acquired'],
): void {
  const tags = createNodeTags(configuration.nodes);
  sequelize.addHook(
    'afterConnect',
    (connection: unknown, { host, port }: { host?: string; port?: unknown }) => {
      if (isObject(connection)) tags.tag(connection, host ?? '', Number(port));
    },
  );
  // query.connection is the one that ran it, transactions and retries included; the typings hide it.
  sequelize.addHook('afterQuery', (_options: unknown, query: unknown) => {
    if (isObject(query) && 'connection' in query && isObject(query.connection)) {
      noteServingNode(tags.nodeOf(query.connection));
    }
  });
  if (acquired === undefined) return;
  // Both hooks of one acquisition get the same options object; attempts of a retry share it as well.
  const since = new WeakMap<object, number>();
  sequelize.addHook('beforePoolAcquire', (options: unknown) => {
    if (isObject(options) && !since.has(options)) since.set(options, performance.now());
  });
  sequelize.addHook('afterPoolAcquire', (connection: unknown, options: unknown) => {
    const start = isObject(options) ? since.get(options) : undefined;
    if (start !== undefined && isObject(connection)) {
      acquired(tags.nodeOf(connection), (performance.now() - start) / 1000);
    }
  });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
