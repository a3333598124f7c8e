/** Mends one problem. Everything here can be done twice, and nothing takes data from a node that is primary. */
import { EnvironmentError, type NodeAddress } from '../../model.ts';
import type { Stack, StackContainer, StackOptions } from '../../topology/compose/stack.ts';
import { docker } from '../../topology/docker/engine.ts';
import { pointApplications } from '../actions/point-applications.ts';
import { rebuildReplica } from '../actions/rebuild-replica.ts';
import { repointReplica } from '../actions/repoint-replica.ts';
import { scramVerifier } from '../actions/scram.ts';
import { ensureSlot } from '../actions/slot.ts';
import { attachToNetwork, startService } from '../actions/start-service.ts';
import { ask } from '../ask.ts';
import { rejoin, wouldBeLost } from '../failover/rejoin.ts';
import { answers, type ClusterView } from '../observe/observation.ts';
import type { Mend, Problem } from './problem.ts';

export interface MendContext {
  readonly options: StackOptions & { readonly signal: AbortSignal };
  readonly stack: Stack;
  readonly view: ClusterView;
}

type Mender = (context: MendContext, subject: string) => Promise<void>;

const menders: Readonly<Record<Mend, Mender>> = {
  start: ({ stack, options }, subject) => startService(stack, containerOf(stack, subject), options.signal),
  attach: ({ stack, options }, subject) =>
    attachToNetwork(stack, containerOf(stack, subject), options.signal),
  'restore-replicator': restoreReplicator,
  'allow-replication': allowReplication,
  'make-slot': ({ view }, subject) => ensureSlot(primaryOf(view), subject),
  repoint: ({ stack, view, options }, subject) => {
    const standby = { address: addressOf(view, subject), node: nodeOf(stack, subject) };
    return repointReplica(standby, primaryOf(view), options.signal);
  },
  'resume-replay': async ({ view }, subject) => {
    await ask(addressOf(view, subject), 'SELECT pg_wal_replay_resume()');
  },
  rebuild: ({ stack, options }, subject) => rebuildReplica(stack, nodeOf(stack, subject), options.signal),
  rejoin: rejoinUnlessLost,
  'point-applications': ({ stack, view, options }) => pointApplications(stack, view, options.signal),
};

/** In this order: what lets replicas in comes before what needs that. */
export const mendOrder: readonly Mend[] = [
  ...(['start', 'attach', 'restore-replicator', 'allow-replication', 'make-slot'] as const),
  ...(['resume-replay', 'repoint', 'rebuild', 'rejoin', 'point-applications'] as const),
];

/** Throws EnvironmentError when it cannot be mended after all. */
export async function mend(context: MendContext, { mend, subject }: Problem): Promise<void> {
  if (mend === null) throw new Error('nothing is known that would mend this');
  await menders[mend](context, subject);
}

/** The role as docker/postgres/primary-init.sh makes it, with the password of the stack's own secret. */
async function restoreReplicator({ stack, view, options }: MendContext): Promise<void> {
  const primary = primaryOf(view);
  const id = nodeOf(stack, primary.name).containerId ?? '';
  const { stdout } = await docker(['exec', id, 'cat', '/run/secrets/replication_password'], options);
  const verifier = scramVerifier(stdout.replace(/\n$/, ''));
  await ask(
    primary,
    `DO $do$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'replicator') THEN CREATE ROLE replicator; END IF;
      ALTER ROLE replicator LOGIN REPLICATION PASSWORD '${verifier}' VALID UNTIL 'infinity';
    END $do$`,
  );
}

/** First in the file, so that no other rule comes before it. */
async function allowReplication({ stack, view, options }: MendContext): Promise<void> {
  const primary = primaryOf(view);
  const id = nodeOf(stack, primary.name).containerId ?? '';
  const rule = 'host    replication  replicator  all      scram-sha-256';
  const script = `file=$PGDATA/pg_hba.conf; { echo "$1"; grep -vxF "$1" "$file"; } >"$file.new" && mv "$file.new" "$file"`;
  await docker(['exec', '-u', 'postgres', id, 'bash', '-c', script, 'replibench', rule], options);
  await ask(primary, 'SELECT pg_reload_conf()');
}

async function rejoinUnlessLost({ stack, view, options }: MendContext, subject: string): Promise<void> {
  const lost = await wouldBeLost(stack, nodeOf(stack, subject), primaryOf(view), options.signal);
  if (lost.commits > 0 || !lost.known) {
    const what = lost.known
      ? `${lost.commits} transactions of its own would be lost`
      : 'its WAL cannot be read';
    throw new EnvironmentError(
      `${what}: save what is needed, then replibench failover --to ${view.primary} --accept-loss`,
    );
  }
  await rejoin(stack, nodeOf(stack, subject), {
    primary: primaryOf(view),
    how: 'any',
    signal: options.signal,
  });
}

function primaryOf(view: ClusterView): NodeAddress {
  if (view.primary === null) throw new EnvironmentError('no node is primary');
  return addressOf(view, view.primary);
}

function addressOf(view: ClusterView, name: string): NodeAddress {
  const node = view.nodes.filter(answers).find((one) => one.name === name);
  if (node === undefined) throw new EnvironmentError(`${name} does not answer`);
  return node.address;
}

function nodeOf(stack: Stack, name: string) {
  const node = stack.nodes.find((one) => one.name === name);
  if (node === undefined) throw new EnvironmentError(`the stack has no node ${name}`);
  return node;
}

function containerOf(stack: Stack, name: string): StackContainer {
  const found = [...stack.nodes, ...stack.apps].find((one) => one.name === name) ?? stack.balancer;
  if (found === null) throw new EnvironmentError(`the stack has no service ${name}`);
  return found;
}
