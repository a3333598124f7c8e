/**
 * A manual failover: the seed's five steps, each of which looks at the live system first and does only what is
 * left to do. Whatever killed an earlier attempt, the same command goes on from there.
 */
import { EnvironmentError } from '../../model.ts';
import { monotonicMs } from '../../monotonic-clock.ts';
import { findStack, type Stack, type StackNode, type StackOptions } from '../../topology/compose/stack.ts';
import { docker } from '../../topology/docker/engine.ts';
import { type DataKind, dataKindOf } from '../actions/data-kind.ts';
import { writeLeaderMark } from '../actions/leader-mark.ts';
import { lockStack } from '../actions/lock.ts';
import { pointApplications } from '../actions/point-applications.ts';
import { repointReplica } from '../actions/repoint-replica.ts';
import { dropSlot, ensureSlot } from '../actions/slot.ts';
import { until } from '../actions/until.ts';
import { waitUntilStreams } from '../actions/wait-until-streams.ts';
import { askOne, reasonOf } from '../ask.ts';
import {
  type AnsweringNode,
  answers,
  type ClusterView,
  type NodeView,
  nodeNamed,
} from '../observe/observation.ts';
import { observeServer } from '../observe/observe-server.ts';
import { observeStack } from '../observe/observe-stack.ts';
import { ms } from '../quantities.ts';
import { lsnNumber, objections, type Position, positionOf } from './position.ts';
import { rejoin, wouldBeLost } from './rejoin.ts';
import { walBeyond } from './wal-beyond.ts';

/** Longer than wal_sender_timeout: an orderly stop waits for every connected standby. */
const stopSeconds = 90;
const promoteSeconds = 60;
const streamingMs = 60_000;

export interface FailoverOptions extends StackOptions {
  readonly to: string;
  readonly acceptLoss: boolean;
  readonly rejoin: boolean;
  readonly signal: AbortSignal;
  /** One sentence a step, with the time since the beginning. */
  readonly say: (line: string) => void;
}

/** Data would be lost, or might be, and nobody accepted that. Nothing was changed, or it was changed back. */
export class LossRefused extends EnvironmentError {}

/** One attempt and what it knows of the stack; looking at containers takes the engine a while. */
interface Run {
  readonly options: FailoverOptions;
  readonly say: (sentence: string) => void;
  stack: Stack;
  /** What the data of nodes that do not answer is; only we change it while we hold the lock. */
  readonly data: Map<string, DataKind>;
}

/**
 * Makes `to` the primary. Afterwards every other node is its standby, or kept from starting, and the
 * applications use what there is.
 * Throws UsageError when `to` cannot take over, LossRefused when data would be lost, EnvironmentError when a
 * step fails: then the same command goes on from there.
 */
export async function failover(options: FailoverOptions): Promise<void> {
  const startedMs = monotonicMs();
  const say = (sentence: string) => options.say(`${ms(monotonicMs() - startedMs).padStart(8)}  ${sentence}`);
  const stack = await findStack(options);
  await using lock = await lockStack(await observeStack(stack));
  void lock;
  const run: Run = { options, say, stack, data: new Map() };
  const position = await look(run);
  say(describe(position));
  if (!position.promoted) await takeOver(run, position);
  else if (position.old !== null) await fenceBesidePrimary(run, position);
  await followTarget(run);
  // What is back in seconds comes before the applications, which are then told only once; a base backup
  // comes after them, for it must not keep writes waiting.
  if (options.rejoin) await rejoinOthers(run, 'quick');
  await tellApplications(run);
  if (options.rejoin && (await rejoinOthers(run, 'any'))) await tellApplications(run);
  say(`${options.to} is the primary`);
}

/** Looks at everything anew: containers, servers, and the data of those that do not answer. */
async function look(run: Run): Promise<Position> {
  const { options, data } = run;
  run.stack = await findStack({ ...options, previous: run.stack });
  const cluster = await observeStack(run.stack);
  for (const node of run.stack.nodes) {
    if (answers(nodeNamed(cluster, node.name))) data.delete(node.name);
    else if (!data.has(node.name)) data.set(node.name, await dataKindOf(run.stack, node, options.signal));
  }
  return positionOf({ cluster, data }, options.to);
}

function describe({ target, promoted, old, standbys }: Position): string {
  const others = standbys.map(({ name }) => name).join(', ') || 'none';
  if (promoted)
    return `${target.name} was promoted already (timeline ${target.server.timeline}); standbys: ${others}`;
  const from =
    old === null ? 'no primary' : `${old.name} (${old.server === null ? 'does not answer' : 'primary'})`;
  return `from ${from} to ${target.name}, WAL up to ${target.server.lsn}; other standbys: ${others}`;
}

/** Steps 1 to 3: check, fence, promote. */
async function takeOver(run: Run, position: Position): Promise<void> {
  const { options, say, stack } = run;
  const { target, old } = position;
  const against = objections(position);
  if (against.length > 0) refuseLoss(run, against);
  await writeLeaderMark(stack, target.name, options.signal);
  say(old === null ? 'no old primary to fence' : `fenced ${old.name}: it will not start as a primary again`);
  await stop(run, old);
  await checkLoss(run, position);
  await promote(run);
}

/** In order: PostgreSQL sends its standbys everything before it ends. */
async function stop({ options, say }: Run, node: NodeView | null): Promise<void> {
  const id = node?.container?.containerId ?? null;
  if (id === null || !['running', 'restarting', 'paused'].includes(node?.container?.state ?? '')) return;
  if (node?.container?.state === 'paused') await docker(['unpause', id], options);
  await docker(['stop', '-t', String(stopSeconds), id], options);
  say(`stopped ${node?.name}: no more writes`);
}

function refuseLoss({ options, say }: Run, against: readonly string[]): void {
  if (!options.acceptLoss) throw new LossRefused(`${against.join('; ')}. Nothing was changed`);
  for (const sentence of against) say(`accepted: ${sentence}`);
}

/**
 * With writes stopped it can be seen what the target will never have. Refused, the old primary is let run
 * again, so that nothing has happened but a short pause.
 */
async function checkLoss(run: Run, { target, old }: Position): Promise<void> {
  const { options, say, stack } = run;
  const view = await observeStack(stack);
  const against: string[] = [];
  const now = nodeNamed(view, target.name);
  const lsn = now.server?.lsn ?? target.server.lsn ?? '0/0';
  for (const node of view.nodes.filter(answers)) {
    if (node.server.role === 'replica' && lsnNumber(node.server.lsn) > lsnNumber(lsn))
      against.push(`${node.name} has more: WAL up to ${node.server.lsn}, ${target.name} up to ${lsn}`);
  }
  const oldNode = stack.nodes.find(({ name }) => name === old?.name);
  if (oldNode !== undefined) {
    const beyond = await walBeyond(stack, oldNode, lsn, options.signal);
    if (beyond.commits > 0)
      against.push(
        `${oldNode.name} has ${beyond.commits} transactions beyond ${lsn} that ${target.name} never got`,
      );
    else if (!beyond.known)
      say(`the WAL of ${oldNode.name} cannot be read: what only it had would not be seen`);
  }
  if (against.length === 0) {
    say(`${target.name} has everything that can be seen, up to ${lsn}`);
    return;
  }
  if (!options.acceptLoss && oldNode !== undefined) {
    await writeLeaderMark(stack, oldNode.name, options.signal);
    const wasRunning = old !== null && answers(old);
    if (wasRunning && oldNode.containerId !== null) await docker(['start', oldNode.containerId], options);
    say(`changed back: ${oldNode.name} may be primary${wasRunning ? ' and is started again' : ''}`);
  }
  refuseLoss(run, against);
}

/** Step 2 and 3 of the seed. Slots come first: what the others still need must not be recycled meanwhile. */
async function promote({ options, say, stack }: Run): Promise<void> {
  const view = await observeStack(stack);
  const target = answering(view.nodes, options.to);
  for (const { name } of view.nodes) if (name !== options.to) await ensureSlot(target.address, name);
  const { done } = await askOne<{ done: boolean }>(target.address, 'SELECT pg_promote(true, $1) AS done', [
    promoteSeconds,
  ]).catch((error: unknown) => {
    // Our own patience is shorter than the server's; what counts is what it says below.
    say(`promoting ${options.to}: ${reasonOf(error, target.address)}`);
    return { done: true };
  });
  if (!done) throw new EnvironmentError(`${options.to} was not promoted within ${promoteSeconds} s`);
  const timeline = await until(
    `${options.to} accepts writes`,
    promoteSeconds * 1000,
    options.signal,
    async () => {
      const server = await observeServer(target.address);
      return server.role === 'primary' ? server.timeline : null;
    },
  );
  say(`promoted ${options.to}: pg_is_in_recovery() = f, timeline ${target.server.timeline} -> ${timeline}`);
}

/** Somebody promoted the target while the old primary lived: it must not take a single write more. */
async function fenceBesidePrimary(run: Run, { target, old }: Position): Promise<void> {
  await writeLeaderMark(run.stack, target.name, run.options.signal);
  await stop(run, old);
}

/** Every other standby streams from the target; without a restart, and without losing a read. */
async function followTarget({ options, say, stack }: Run): Promise<void> {
  const view = await observeStack(stack);
  const target = answering(view.nodes, options.to);
  for (const node of view.nodes.filter(answers)) {
    if (node.name === options.to || node.server.role !== 'replica') continue;
    if (streamsFrom(target, node.name)) continue;
    const standby = { address: node.address, node: stackNode(stack, node.name) };
    await repointReplica(standby, target.address, options.signal);
    try {
      await waitUntilStreams(target.address, node.name, options.signal, streamingMs);
      say(`${node.name} streams from ${options.to}`);
    } catch (error) {
      options.signal.throwIfAborted();
      say(
        `${node.name} does not follow ${options.to} (${reasonOf(error)}): replibench doctor --fix rebuilds it`,
      );
    }
  }
  // Of its time as standby of this node: nobody needs it any more, and it would hold WAL for ever.
  await dropSlot(target.address, options.to);
}

/**
 * Brings back whoever is away; with `quick` only who needs no base backup.
 * @returns whether anybody came back
 */
async function rejoinOthers(run: Run, how: 'quick' | 'any'): Promise<boolean> {
  const { away } = await look(run);
  let anybody = false;
  for (const { name } of away) anybody = (await rejoinOne(run, name, how)) || anybody;
  return anybody;
}

async function rejoinOne(
  { options, say, stack, data }: Run,
  name: string,
  how: 'quick' | 'any',
): Promise<boolean> {
  const node = stackNode(stack, name);
  const target = answering((await observeStack(stack)).nodes, options.to);
  if (data.get(name) === 'primary') {
    const lost = await wouldBeLost(stack, node, target.address, options.signal);
    const what = lost.known
      ? `${lost.commits} transactions that ${options.to} never got`
      : 'WAL that cannot be read';
    if (lost.commits > 0 || !lost.known) {
      if (how === 'quick') return false;
      if (!options.acceptLoss) {
        throw new LossRefused(
          `${name} has ${what}; it stays stopped. Save what is needed, then run this again with --accept-loss`,
        );
      }
      say(`accepted: ${name} has ${what}; that is thrown away`);
    }
  }
  const method = await rejoin(stack, node, { primary: target.address, how, signal: options.signal });
  if (method === null) return false;
  say(`rejoined ${name} as a standby: ${method}`);
  return true;
}

async function tellApplications(run: Run): Promise<void> {
  const { options, say } = run;
  await look(run);
  const view = await observeStack(run.stack);
  await pointApplications(run.stack, view, options.signal, (apps) =>
    say(`${apps.join(', ')} write to ${options.to}`),
  );
}

function streamsFrom(target: AnsweringNode, name: string): boolean {
  return target.server.senders.some((one) => one.applicationName === name && one.state === 'streaming');
}

function stackNode(stack: Stack, name: string): StackNode {
  const node = stack.nodes.find((one) => one.name === name);
  if (node === undefined) throw new EnvironmentError(`the stack has no node ${name} any more`);
  return node;
}

function answering(nodes: ClusterView['nodes'], name: string): AnsweringNode {
  const node = nodes.filter(answers).find((one) => one.name === name);
  if (node === undefined) throw new EnvironmentError(`${name} does not answer any more`);
  return node;
}
