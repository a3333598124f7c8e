/** The public way in: a Sequelize instance whose reads and writes find their nodes. */
import type { ClientConfig } from 'pg';
import { type Options, Sequelize } from 'sequelize';
import { attach, connectorOf } from './attach.ts';
import type { Login, NodeAddress } from './connection.ts';
import { type PolicyOptions, policyOf } from './options.ts';
import { Router, type RoutingObserver } from './router.ts';
import { createStatementRules } from './statement.ts';

/** Sequelize's own options, `replication` as it knows it included. */
export interface DatabaseOptions extends Options {
  /**
   * `balanced`: the router of this library. `native`: Sequelize's replication. `primary-only`: all queries to the write
   * host, whatever read hosts there are.
   */
  readonly routing: 'balanced' | 'native' | 'primary-only';
  readonly policy?: PolicyOptions;
  /** Told what the router does; must not throw. */
  readonly observer?: RoutingObserver;
  /** What the nodes are called there, the write host first: by default `primary`, `replica1`, `replica2` ... */
  readonly nodeNames?: readonly string[];
}

export interface RoutedDatabase {
  readonly sequelize: Sequelize;
  /** Null unless routing is `balanced`. */
  readonly router: Router | null;
}

/**
 * Opens no connection before the first query. `sequelize.close()` closes everything, probes included. Throws
 * RangeError for a policy that makes no sense, and whatever Sequelize's constructor throws.
 */
export function createDatabase(options: DatabaseOptions): RoutedDatabase {
  const { routing, policy: given, observer = {}, nodeNames = [], ...rest } = options;
  if (routing === 'native') return { sequelize: new Sequelize(rest), router: null };
  const { replication, ...single } = rest;
  const write = replication === undefined || replication === false ? {} : (replication.write ?? {});
  const reads = routing === 'primary-only' || !replication ? [] : [replication.read ?? []].flat();
  const primary = {
    ...single,
    ...write,
    port: Number(write.port ?? single.port ?? 5432),
    ...(routing === 'balanced' ? { dialectOptions: { ...patient, ...single.dialectOptions } } : {}),
  };
  // The router asks again where that helps; what the application wants retried beyond that stays its own.
  const retry = routing === 'balanced' && rest.retry === undefined ? { retry: { max: 1 } } : {};
  const sequelize = new Sequelize({ ...primary, ...retry });
  if (routing === 'primary-only') return { sequelize, router: null };

  const { host = '127.0.0.1', port = 5432 } = configOf(sequelize);
  const addresses: readonly [NodeAddress, ...NodeAddress[]] = [
    { name: nodeNames[0] ?? 'primary', host, port: Number(port) },
    ...reads.map((read, index) => ({
      name: nodeNames[index + 1] ?? `replica${index + 1}`,
      host: read.host ?? host,
      port: Number(read.port ?? port),
      login: loginOf(read),
    })),
  ];
  const policy = policyOf(given);
  const pool = options.pool ?? {};
  const router: Router = new Router({
    ...{ addresses, policy, observer },
    pool: {
      max: pool.max ?? 5,
      acquireMs: pool.acquire ?? 60_000,
      idleMs: pool.idle ?? 10_000,
      maxUses: pool.maxUses ?? Number.POSITIVE_INFINITY,
    },
    connector: connectorOf(sequelize, (node) => router.look(node)),
    login: (address) => probeLogin(sequelize, address, probeOptions(primary.dialectOptions ?? {})),
    clock: () => performance.now(),
    random: Math.random,
  });
  attach(sequelize, router, createStatementRules(policy.writingFunctions));
  return { sequelize, router };
}

/** Unset, a node that hangs would hold connections and statements for ever. */
const patient = { connectionTimeoutMillis: 2_000, keepAlive: true } as const;

/** What of Sequelize's options a probe needs to connect as Sequelize does. */
function probeOptions(dialectOptions: object): ClientConfig {
  const wanted = ['ssl', 'options', 'keepAlive', 'application_name'];
  return Object.fromEntries(Object.entries(dialectOptions).filter(([name]) => wanted.includes(name)));
}

/** As a connection of the application gets it: a `beforeConnect` hook may fetch a password that changes. */
async function probeLogin(
  sequelize: Sequelize,
  { host, port, login = {} }: NodeAddress,
  options: ClientConfig,
): Promise<ClientConfig> {
  const config = { ...configOf(sequelize), ...login, host, port };
  await (sequelize as unknown as Hooks).runHooks('beforeConnect', config);
  const { database, username, password } = config;
  return { ...options, host: config.host, port: Number(config.port), database, user: username, password };
}

function loginOf({ database, username, password }: Login): Login {
  const given = { database, username, password };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined && value !== null),
  );
}

function configOf(sequelize: Sequelize): Config {
  return sequelize.config as unknown as Config;
}

interface Config extends Required<Login> {
  readonly host?: string;
  readonly port?: number | string;
}

interface Hooks {
  runHooks(name: 'beforeConnect', config: object): Promise<void>;
}
