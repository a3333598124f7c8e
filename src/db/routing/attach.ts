/**
 * Puts a router into a Sequelize 6 instance that was made without `replication`: its pool, its way to connections and
 * its `query` are replaced; hooks, types, models and transactions stay Sequelize's own. The one file that knows how
 * Sequelize 6.37 works inside; its tests fail when that changes.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectionAcquireTimeoutError, QueryTypes, type Sequelize } from 'sequelize';
import type { Connection, Connector, NodeAddress } from './connection.ts';
import { PoolTimeoutError } from './connection-pool.ts';
import { failureOf } from './failure.ts';
import { NodeAwayError, type RoutedNode } from './node.ts';
import type { ReadRequest } from './pick.ts';
import { type Attempt, type Router, readClassOf } from './router.ts';
import { currentSession, floorOf, lacksPosition, noteRead, noteWrite, type Session } from './session.ts';
import type { StatementRules } from './statement.ts';

/** What a query may say for itself beside Sequelize's own options, of which `useMaster` is one. */
export interface RoutingQueryOptions {
  /** Name of the class of reads that it belongs to. */
  readonly readClass?: string;
}

interface QueryOptions extends RoutingQueryOptions {
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

interface Way extends Attempt {
  /** Null = to the primary. */
  readonly read: ReadRequest | null;
  /** The primary must be on this one or a later one. */
  readonly timeline: number;
}

interface Transacting {
  readonly connection?: Connection;
}

type Query = (sql: unknown, options?: QueryOptions) => Promise<unknown>;

/** What `sequelize.transaction` can be asked beside Sequelize's own options. */
export interface RoutingTransactionOptions extends RoutingQueryOptions {
  /** A read-only transaction, too, runs on the primary. */
  readonly useMaster?: boolean;
  readonly isolationLevel?: string;
}

/** A transaction asks for its connection without saying what it was asked for. */
const transactionOptions = new AsyncLocalStorage<RoutingTransactionOptions>();

type Transaction = (...given: unknown[]) => Promise<unknown>;

interface Manager {
  pool: unknown;
  readonly config: object;
  destroyConnection(connection: Connection): Promise<void>;
  getConnection(options?: QueryOptions): Promise<Connection>;
  _connect(config: object): Promise<Connection>;
  _disconnect(connection: Connection): Promise<void>;
}

interface Inside {
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
  inside.query = (sql, given = {}) => route(context, sql, given);
  const begin = inside.transaction.bind(sequelize);
  inside.transaction = (...given) => {
    const [options] = given;
    return typeof options === 'object' && options !== null
      ? transactionOptions.run(options, () => begin(...given))
      : begin(...given);
  };
}

interface Context {
  readonly inside: Inside;
  readonly original: Query;
  readonly router: Router;
  readonly rules: StatementRules;
  /**
   * The way of the query that Sequelize is being asked: it asks for its connection before its `query` returns, and options
   * of ours would be copied several times for each query. Null = none is, and whoever wants a connection has no query yet.
   */
  asking: Way | null;
}

function route(context: Context, sql: unknown, given: QueryOptions): Promise<unknown> {
  const { inside, rules } = context;
  const session = currentSession();
  // As Sequelize itself does, but before anything is told from them.
  const options = isEmpty(inside.options.query) ? given : { ...inside.options.query, ...given };
  // Not where it is null: that is how a query says that it belongs to none.
  const { type, transaction = inside.constructor._cls?.get('transaction') } = options;
  if (transaction != null) return askInTransaction(context, session, sql, given, transaction);
  const isSelect =
    type === undefined
      ? Boolean(options.model || options.instance || options.nest || options.plain)
      : type === QueryTypes.SELECT;
  const isRead = isSelect && !rules.needsPrimary(textOf(sql));
  return isRead && options.useMaster !== true
    ? read(context, session, sql, given, options.readClass)
    : askPrimary(context, session, sql, given, !isRead);
}

function isEmpty(options: object | undefined): boolean {
  for (const _ in options) return false;
  return true;
}

/** One try. */
function ask(context: Context, way: Way, sql: unknown, options: QueryOptions): Promise<unknown> {
  context.asking = way;
  try {
    return context.original(sql, options);
  } finally {
    context.asking = null;
  }
}

/** Asks one node after the other: nothing is wrong with asking a read twice. */
async function read(
  context: Context,
  session: Session | undefined,
  sql: unknown,
  options: QueryOptions,
  className: string | undefined,
): Promise<unknown> {
  const { router } = context;
  const readClass = readClassOf(router.policy, className);
  let tried: ReadonlySet<RoutedNode> = none;
  for (;;) {
    const floor = session === undefined ? noFloor : await floorFor(router, session);
    const current = wayTo({ readClass, floor, tried }, session);
    const startMs = session === undefined ? 0 : performance.now();
    try {
      const answer = await ask(context, current, sql, options);
      noteAnswer(router, session, current, startMs);
      return answer;
    } catch (error) {
      router.settle(current);
      const { node, connection } = current;
      const failure = failureOf(error, connection !== undefined);
      if (failure === 'read-only') {
        // Nothing was done: it writes in a way that its text did not show, or it met a former primary.
        context.rules.remember(textOf(sql));
        return askPrimary(context, session, sql, options, true);
      }
      if (failure === 'statement' || failure === 'pool-exhausted') throw error;
      if (node === undefined || tried.has(node)) throw error;
      // Whatever took so long on a node that is well would take as long on the next.
      if (failure === 'no-answer' && node.health.state !== 'open') throw error;
      // On a primary it may have been a function that writes and that nobody declared.
      if (node.role !== 'replica' && failure !== 'not-sent' && failure !== 'conflict') throw error;
      tried = new Set([...tried, node]);
      router.retried(node, failure);
    }
  }
}

const none: ReadonlySet<RoutedNode> = new Set();

/** Of a read: because the caller says so. */
async function askPrimary(
  context: Context,
  session: Session | undefined,
  sql: unknown,
  options: QueryOptions,
  isWrite: boolean,
): Promise<unknown> {
  const { router } = context;
  let deadlineMs: number | null = null;
  for (;;) {
    const current = wayTo(null, session);
    const startMs = session === undefined ? 0 : performance.now();
    let mayBeDone = isWrite;
    try {
      const answer = await ask(context, current, sql, options);
      if (isWrite) heard(current.node);
      else noteAnswer(router, session, current, startMs);
      return answer;
    } catch (error) {
      router.settle(current);
      // Whoever lost the answer will look whether it was done, and must not be shown a replica that lacks it.
      mayBeDone = isWrite && current.connection !== undefined && !isHarmless(error, current);
      if (!isHarmless(error, current)) throw error;
      deadlineMs = await beforeNextTry(router, error, deadlineMs);
    } finally {
      if (session !== undefined && mayBeDone) noteWrite(session, router.positionNow());
    }
  }
}

/**
 * Waits a moment for a primary, until when that goes on; throws the error when it has been so for too long. `deadlineMs`:
 * null = this is the first time.
 */
async function beforeNextTry(router: Router, error: unknown, deadlineMs: number | null): Promise<number> {
  const nowMs = performance.now();
  const untilMs = deadlineMs ?? nowMs + router.policy.primaryWaitMs;
  if (nowMs >= untilMs) throw error;
  router.lookAround();
  await delay(retryMs);
  return untilMs;
}

function wayTo(read: ReadRequest | null, session: Session | undefined): Way {
  const timeline = session === undefined ? 0 : timelineOf(session);
  return {
    read,
    timeline,
    purpose: 'read',
    startMs: 0,
    holds: null,
    writeMs: null,
    node: undefined,
    connection: undefined,
    reason: undefined,
  };
}

/** Has left no trace: the statement never left, or the server refused to write. */
function isHarmless(error: unknown, { connection }: Attempt): boolean {
  const failure = failureOf(error, connection !== undefined);
  return failure === 'not-sent' || failure === 'read-only';
}

/** The latest that the session has met: a primary on an older one is none any more. */
function timelineOf({ written, seen }: Session): number {
  return Math.max(written?.timeline ?? 0, seen?.timeline ?? 0);
}

/** Its connection was chosen when it began. */
async function askInTransaction(
  { original, router }: Context,
  session: Session | undefined,
  sql: unknown,
  options: QueryOptions,
  { connection }: Transacting,
): Promise<unknown> {
  const node = connection && router.nodeOf(connection);
  // What it did so far is lost with the server that it did it on, unless that were to commit it.
  if (node?.role === 'fenced') throw new NodeAwayError(`${node.name} is no longer the primary`);
  const commits = options.completesTransaction === true && /^\s*commit/i.test(textOf(sql));
  let answer: unknown;
  try {
    answer = await original(sql, options);
  } finally {
    // Not before: what is read inside the transaction may be its own, and nobody else's yet. And after a failure, too:
    // it may have been done.
    if (session !== undefined && commits && node?.role !== 'replica')
      noteWrite(session, router.positionNow());
  }
  node?.note('answered');
  if (session !== undefined && options.completesTransaction === true && node !== undefined) {
    const endMs = performance.now();
    const startMs = (connection && begunMs.get(connection)) ?? endMs;
    noteRead(session, { node: node.name, startMs, endMs, timeline: router.cluster.timeline ?? 0 });
  }
  return answer;
}

/** When the transaction on a connection got it. */
const begunMs = new WeakMap<Connection, number>();

/** Writes down what an answer to a read tells of its node and its session. */
function noteAnswer(
  router: Router,
  session: Session | undefined,
  { node, reason }: Attempt,
  startMs: number,
): void {
  if (node === undefined) return;
  heard(node);
  if (session === undefined) return;
  const timeline = router.cluster.timeline ?? 0;
  // A stale answer takes nothing back of what the session has seen elsewhere.
  const name = reason === 'stale' ? null : node.name;
  noteRead(session, { node: name, startMs, endMs: performance.now(), timeline });
}

/** A query was answered. Of a node that is well this is known since its connection came back. */
function heard(node: RoutedNode | undefined): void {
  if (node?.health.state !== 'healthy') node?.note('answered');
}

async function getConnection(context: Context, options: QueryOptions): Promise<Connection> {
  const { inside, router, asking } = context;
  const current = asking ?? ways.get(options);
  // What Sequelize itself tries again has the same options. Only then: it costs as much as the choice of a node.
  if (asking !== null && (options.retry ?? inside.options.retry)?.max !== 1) ways.set(options, asking);
  // A hook may set useMaster. Waiting where there is none costs more than the choice of a node, too.
  if (inside.hasHook('beforePoolAcquire')) await inside.runHooks('beforePoolAcquire', options);
  const asked =
    current === undefined
      ? acquireForTransaction(inside, router, options)
      : acquireOn(router, current, options);
  const connection = asked instanceof Promise ? await waitFor(router, asked) : asked;
  if (connection === asked) router.acquired(connection, 0);
  if (!inside.hasHook('afterPoolAcquire')) return connection;
  try {
    await inside.runHooks('afterPoolAcquire', connection, options);
    return connection;
  } catch (error) {
    // Sequelize itself forgets the connection here, and its pool is one short for ever.
    router.release(connection);
    throw error;
  }
}

async function waitFor(router: Router, asked: Promise<Connection>): Promise<Connection> {
  const startMs = performance.now();
  try {
    const connection = await asked;
    router.acquired(connection, performance.now() - startMs);
    return connection;
  } catch (error) {
    throw error instanceof PoolTimeoutError ? new ConnectionAcquireTimeoutError(error) : error;
  }
}

function acquireOn(
  router: Router,
  current: Way,
  { type, useMaster }: QueryOptions,
): Connection | Promise<Connection> {
  if (current.read !== null && useMaster !== true) return router.acquireRead(current.read, current);
  const reason = type === QueryTypes.SELECT ? 'primary-asked' : 'write';
  return router.acquirePrimary(reason, current, current.timeline);
}

const ways = new WeakMap<QueryOptions, Way>();

/** A transaction asks for its connection by itself, before it has sent anything: so it may ask again. */
async function acquireForTransaction(
  inside: Inside,
  router: Router,
  options: QueryOptions,
): Promise<Connection> {
  const deadlineMs = performance.now() + router.policy.primaryWaitMs;
  const tried = new Set<RoutedNode>();
  const read = await readOnlyTransaction(inside, router, options, tried);
  for (;;) {
    const current = wayTo(read, currentSession());
    // Its node is chosen from here on: another read of the session may end before it has a connection.
    const startMs = performance.now();
    try {
      const connection = await acquireOn(router, current, options);
      begunMs.set(connection, startMs);
      return connection;
    } catch (error) {
      if (failureOf(error, false) !== 'not-sent') throw error;
      const { node } = current;
      const isNew = read !== null && node !== undefined && !tried.has(node);
      if (!isNew && performance.now() >= deadlineMs) throw error;
      router.lookAround();
      if (isNew) tried.add(node);
      else await delay(retryMs);
    }
  }
}

/** Null when it has to run on the primary. It says SELECT when it is read-only. */
async function readOnlyTransaction(
  inside: Inside,
  router: Router,
  { type }: QueryOptions,
  tried: ReadonlySet<RoutedNode>,
): Promise<ReadRequest | null> {
  const { useMaster = false, readClass, isolationLevel } = transactionOptions.getStore() ?? {};
  // A standby has no serializable mode.
  const level = isolationLevel ?? inside.options.isolationLevel;
  if (type !== QueryTypes.SELECT || useMaster || level === 'SERIALIZABLE') return null;
  const session = currentSession();
  const floor = session === undefined ? noFloor : await floorFor(router, session);
  return { readClass: readClassOf(router.policy, readClass), floor, tried };
}

/** What the session needs, once the positions of its writes are known. */
async function floorFor(router: Router, session: Session): Promise<ReadRequest['floor']> {
  if (session.writing !== null) await session.writing;
  // It could not be asked for at the time; any later one covers it.
  if (lacksPosition(session)) {
    const before = session.written;
    const position = await router.positionNow();
    // Another write may have become known meanwhile.
    if (session.written === before) session.written = position;
  }
  return () => floorOf(session, router.cluster.track);
}

const noFloor = (): null => null;

/** Between two looks for a primary. */
const retryMs = 25;

function textOf(sql: unknown): string {
  if (typeof sql === 'string') return sql;
  return typeof sql === 'object' && sql !== null && 'query' in sql ? String(sql.query) : '';
}

function insideOf(sequelize: Sequelize): Inside {
  return sequelize as unknown as Inside;
}
