/** A routed database over real servers, each behind a link that can be broken. */
import { setTimeout as delay } from 'node:timers/promises';
import { QueryTypes, type Sequelize } from 'sequelize';
import {
  createDatabase,
  type DatabaseOptions,
  type PolicyOptions,
  type RouteReason,
  type Router,
  type RoutingObserver,
} from '../../../src/db/routing/index.ts';
import { type Link, startLink } from '../../support/link.ts';
import type { ReplicatedPostgres } from '../../support/postgres.ts';

export interface Routed extends AsyncDisposable {
  readonly sequelize: Sequelize;
  readonly router: Router;
  /** Of the primary, then of the replicas. */
  readonly links: readonly [primary: Link, ...replicas: Link[]];
  /** Every query that was sent: `replica1 read`. */
  readonly routes: string[];
  /** Every change of a node: `replica1 open`. */
  readonly states: string[];
  /** Every failure for which a read was asked again elsewhere: `replica1 conflict`. */
  readonly retries: string[];
  /** Port of the server that answers, as an unlabelled read. */
  servedBy(options?: object): Promise<number>;
}

export interface RoutedOptions {
  readonly policy?: PolicyOptions;
  readonly pool?: { readonly max?: number; readonly acquire?: number; readonly maxUses?: number };
  readonly dialectOptions?: object;
  /** More of Sequelize's own. */
  readonly more?: Partial<DatabaseOptions>;
}

export async function startRouted(
  { primary, replicas }: Pick<ReplicatedPostgres, 'primary' | 'replicas'>,
  { policy = {}, pool = {}, dialectOptions = {}, more = {} }: RoutedOptions = {},
): Promise<Routed> {
  const primaryLink = await startLink(primary);
  const replicaLinks = await Promise.all(replicas.map(startLink));
  const routes: string[] = [];
  const states: string[] = [];
  const retries: string[] = [];
  const observer: RoutingObserver = {
    routed: (node: string, reason: RouteReason) => routes.push(`${node} ${reason}`),
    stateChanged: (node, _from, to) => states.push(`${node} ${to}`),
    retried: (node, failure) => retries.push(`${node} ${failure}`),
  };
  const { database, user: username, password } = primary;
  const login = { database, username, password };
  const { sequelize, router } = createDatabase({
    routing: 'balanced',
    replication: {
      write: { ...login, host: primaryLink.host, port: primaryLink.port },
      read: replicaLinks.map(({ host, port }) => ({ ...login, host, port })),
    },
    dialect: 'postgres',
    logging: false,
    pool: { max: 4, acquire: 10_000, ...pool },
    dialectOptions: { connectionTimeoutMillis: 1_000, ...dialectOptions },
    policy,
    observer,
    ...more,
  });
  if (router === null) throw new Error('expected a router');
  const links: Routed['links'] = [primaryLink, ...replicaLinks];
  return {
    ...{ sequelize, router, links, routes, states, retries },
    async servedBy(options = {}) {
      const [row] = await sequelize.query<{ port: number }>('SELECT inet_server_port() AS port', {
        ...options,
        type: QueryTypes.SELECT,
      });
      return row?.port ?? 0;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(links.map((link) => link.restore()));
      await sequelize.close();
      await Promise.all(links.map((link) => link[Symbol.asyncDispose]()));
    },
  };
}

/** Reads through `work` without a pause until `stop` is called; resolves to what failed, and how many went well. */
export function keepReading(
  readers: number,
  work: () => Promise<unknown>,
): {
  stop(): Promise<{
    readonly failures: readonly string[];
    readonly reads: number;
    readonly slowestMs: number;
  }>;
} {
  let running = true;
  const failures: string[] = [];
  let reads = 0;
  let slowestMs = 0;
  const reader = async (): Promise<void> => {
    while (running) {
      const startMs = performance.now();
      await work().then(
        () => {
          reads += 1;
        },
        async (error: unknown) => {
          failures.push(String(error));
          // Where all fail at once nothing else would ever happen.
          await delay(1);
        },
      );
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
    }
  };
  const all = Promise.all(Array.from({ length: readers }, reader));
  return {
    async stop() {
      running = false;
      await all;
      return { failures, reads, slowestMs };
    },
  };
}
