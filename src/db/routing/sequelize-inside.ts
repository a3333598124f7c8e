/** What the router uses of Sequelize 6.37 that its typings do not say; the tests fail when that changes. */
import type { Sequelize } from 'sequelize';
import type { Connection } from './connection.ts';

/** What a query may say for itself beside Sequelize's own options, of which `useMaster` is one. */
export interface RoutingQueryOptions {
  /** Name of the class of reads that it belongs to. */
  readonly readClass?: string;
}

export interface QueryOptions extends RoutingQueryOptions {
  readonly type?: string;
  readonly useMaster?: boolean;
  readonly transaction?: Transacting | null | undefined;
  readonly completesTransaction?: boolean;
  readonly model?: unknown;
  readonly instance?: unknown;
  readonly nest?: boolean;
  readonly plain?: boolean;
  readonly retry?: { readonly max?: number };
}

export interface Transacting {
  readonly connection?: Connection;
}

export type Query = (sql: unknown, options?: QueryOptions) => Promise<unknown>;

/** What `sequelize.transaction` can be asked beside Sequelize's own options. */
export interface RoutingTransactionOptions extends RoutingQueryOptions {
  /** A read-only transaction, too, runs on the primary. */
  readonly useMaster?: boolean;
  readonly isolationLevel?: string;
}

export type Transaction = (...given: unknown[]) => Promise<unknown>;

interface Manager {
  pool: unknown;
  readonly config: object;
  destroyConnection(connection: Connection): Promise<void>;
  getConnection(options?: QueryOptions): Promise<Connection>;
  _connect(config: object): Promise<Connection>;
  _disconnect(connection: Connection): Promise<void>;
}

export interface Inside {
  readonly options: Pick<QueryOptions, 'retry'> & {
    readonly isolationLevel?: string;
    readonly query?: QueryOptions;
  };
  readonly connectionManager: Manager;
  query: Query;
  transaction: Transaction;
  /** Of the class: the namespace that transactions are kept in, if the application asked for that. */
  readonly constructor: { readonly _cls?: { get(key: 'transaction'): QueryOptions['transaction'] } };
  hasHook(name: string): boolean;
  runHooks(name: 'beforePoolAcquire', options: QueryOptions): Promise<void>;
  runHooks(name: 'afterPoolAcquire', connection: Connection, options: QueryOptions): Promise<void>;
}

export function insideOf(sequelize: Sequelize): Inside {
  return sequelize as unknown as Inside;
}
