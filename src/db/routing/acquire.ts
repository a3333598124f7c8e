/** Gets Sequelize its connections: for the query that it is being asked, or for a transaction. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectionAcquireTimeoutError, QueryTypes } from 'sequelize';
import type { Connection } from './connection.ts';
import { PoolTimeoutError } from './connection-pool.ts';
import { failureOf } from './failure.ts';
import type { RoutedNode } from './node.ts';
import type { ReadRequest } from './pick.ts';
import { type Router, readClassOf } from './router.ts';
import type { Inside, QueryOptions, RoutingTransactionOptions } from './sequelize-inside.ts';
import { currentSession } from './session.ts';
import { floorFor, noFloor, type Way, wayTo } from './way.ts';

/** Who asks for connections. */
export interface Asking {
  readonly inside: Inside;
  readonly router: Router;
  /**
   * The way of the query that Sequelize is being asked: it asks for its connection before its `query` returns, and
   * options of ours would be copied several times for each query. Null = none is, and whoever wants a connection has no
   * query yet.
   */
  asking: Way | null;
}

/** A transaction asks for its connection without saying what it was asked for. */
export const transactionOptions = new AsyncLocalStorage<RoutingTransactionOptions>();

/** Between two looks for a primary. */
const retryMs = 25;

/** Waits a moment and gives the deadline back; throws the error when that is over. */
export async function beforeNextTry(router: Router, error: unknown, deadlineMs: number): Promise<number> {
  if (performance.now() >= deadlineMs) throw error;
  router.lookAround();
  await delay(retryMs);
  return deadlineMs;
}

export function getConnection(context: Asking, options: QueryOptions): Promise<Connection> {
  const { inside, router, asking } = context;
  // Not for what a hook asks.
  context.asking = null;
  const current = asking ?? askedAgain(router, options);
  // What Sequelize itself tries again has the same options. Only then: it costs as much as the choice of a node.
  if (asking !== null && (options.retry ?? inside.options.retry)?.max !== 1) ways.set(options, asking);
  // Waiting for hooks where there are none costs more than the choice of a node, too.
  return inside.hasHook('beforePoolAcquire') || inside.hasHook('afterPoolAcquire')
    ? acquireBetweenHooks(context, current, options)
    : acquire(context, current, options);
}

async function acquireBetweenHooks(
  context: Asking,
  current: Way | undefined,
  options: QueryOptions,
): Promise<Connection> {
  const { inside, router } = context;
  // It may set useMaster.
  await inside.runHooks('beforePoolAcquire', options);
  const connection = await acquire(context, current, options);
  try {
    await inside.runHooks('afterPoolAcquire', connection, options);
    return connection;
  } catch (error) {
    // Sequelize itself forgets the connection here, and its pool is one short for ever.
    router.release(connection);
    throw error;
  }
}

function acquire(
  { inside, router }: Asking,
  current: Way | undefined,
  options: QueryOptions,
): Promise<Connection> {
  const asked =
    current === undefined
      ? acquireForTransaction(inside, router, options)
      : acquireOn(router, current, options);
  if (asked instanceof Promise) return waitFor(router, asked);
  router.acquired(asked, 0);
  return Promise.resolve(asked);
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

/** What Sequelize tries again by itself. When a hook threw after the former try it did not give its connection back. */
function askedAgain(router: Router, options: QueryOptions): Way | undefined {
  const former = ways.get(options);
  if (former === undefined) return undefined;
  router.settle(former);
  former.connection = undefined;
  return former;
}

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
      if (read === null || node === undefined || tried.has(node))
        await beforeNextTry(router, error, deadlineMs);
      else {
        router.lookAround();
        tried.add(node);
      }
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

/** When the transaction on a connection got it. */
export const begunMs = new WeakMap<Connection, number>();
