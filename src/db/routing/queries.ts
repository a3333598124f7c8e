/** Asks Sequelize's own `query`, again and elsewhere where that helps, and keeps the session's promises. */
import { QueryTypes } from 'sequelize';
import { type Asking, beforeNextTry, begunMs } from './acquire.ts';
import { failureOf } from './failure.ts';
import { NodeAwayError, type RoutedNode } from './node.ts';
import { type Attempt, NoPrimaryError, type Router, readClassOf } from './router.ts';
import type { Query, QueryOptions, Transacting } from './sequelize-inside.ts';
import { currentSession, noteRead, noteWrite, type Session } from './session.ts';
import type { StatementRules } from './statement.ts';
import { floorFor, noFloor, type Way, wayTo } from './way.ts';

export interface Context extends Asking {
  /** Sequelize's own. */
  readonly original: Query;
  readonly rules: StatementRules;
}

/** A query of the application, with its own options. */
export function route(context: Context, sql: unknown, given: QueryOptions): Promise<unknown> {
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
  let deadlineMs: number | null = null;
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
      if (failure === 'statement' || failure === 'pool-exhausted' || node === undefined) throw error;
      if (tried.has(node)) {
        // A single node that is being restarted.
        if (failure !== 'not-sent') throw error;
        deadlineMs = await beforeNextTry(router, error, deadlineMs ?? performance.now() + readClass.waitMs);
        continue;
      }
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
      if (!isHarmless(error, current)) {
        mayBeDone = isWrite && mayHaveLeft(error, current);
        throw error;
      }
      mayBeDone = false;
      deadlineMs = await beforeNextTry(
        router,
        error,
        deadlineMs ?? performance.now() + router.policy.primaryWaitMs,
      );
    } finally {
      if (session !== undefined && mayBeDone) noteWrite(session, router.positionNow());
    }
  }
}

/** Where nobody knows, it may. */
function mayHaveLeft(error: unknown, { node, connection }: Attempt): boolean {
  return connection !== undefined || (node === undefined && !(error instanceof NoPrimaryError));
}

/** Has left no trace: the statement never left, or the server refused to write. */
function isHarmless(error: unknown, { node, connection }: Attempt): boolean {
  // Somebody has put something around Sequelize's query that did not ask for its connection at once: nobody knows.
  if (node === undefined) return false;
  const failure = failureOf(error, connection !== undefined);
  return failure === 'not-sent' || failure === 'read-only';
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

function textOf(sql: unknown): string {
  if (typeof sql === 'string') return sql;
  return typeof sql === 'object' && sql !== null && 'query' in sql ? String(sql.query) : '';
}
