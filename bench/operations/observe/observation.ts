/** What was seen of a cluster and its application at one moment; what everything else is judged by. */
import type { NodeAddress } from '../../model.ts';
import type { StackContainer } from '../../topology/compose/stack.ts';

/** A row of pg_stat_replication. */
export interface SenderView {
  readonly applicationName: string;
  readonly state: string;
  readonly syncState: string;
  readonly sentLsn: string | null;
  readonly replayLsn: string | null;
}

/** A row of pg_replication_slots. */
export interface SlotView {
  readonly name: string;
  readonly active: boolean;
  /** reserved, extended, unreserved or lost; null while the slot has reserved nothing. */
  readonly walStatus: string | null;
  /** WAL that is kept for it. */
  readonly retainedBytes: number | null;
}

export interface ReceiverView {
  readonly status: string;
  readonly host: string | null;
  readonly slot: string | null;
  /** Time since the primary said anything. */
  readonly silentMs: number | null;
}

/** What one server says about itself. */
export interface ServerView {
  readonly role: 'primary' | 'replica';
  readonly version: string;
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** Of a primary: up to where WAL is flushed. Of a replica: up to where it has received WAL. */
  readonly lsn: string | null;
  readonly replayLsn: string | null;
  /** `not paused`, `pause requested` or `paused`; null on a primary. */
  readonly replayPause: string | null;
  readonly applyDelayMs: number;
  readonly receiver: ReceiverView | null;
  /** The host that primary_conninfo names; null when there is none or it may not be seen. */
  readonly upstreamHost: string | null;
  readonly senders: readonly SenderView[];
  readonly slots: readonly SlotView[];
  /** Queries cancelled for recovery since the statistics began, all databases. */
  readonly conflicts: number;
  readonly connections: number;
  readonly maxConnections: number;
  /** What the startup process waits for, for example `RecoveryConflictSnapshot`. */
  readonly replayWait: string | null;
  readonly oldestTransaction: {
    readonly pid: number;
    readonly applicationName: string;
    readonly ageMs: number;
  } | null;
}

export interface NodeView {
  readonly name: string;
  /** Absent where nodes are not containers that we can see. */
  readonly container: StackContainer | null;
  /** How it can be asked; null when nobody knows that. */
  readonly address: NodeAddress | null;
  /** Null when it does not answer. */
  readonly server: ServerView | null;
  /** Why it does not answer; null when it does. */
  readonly problem: string | null;
}

/** An instance of the application and what it was told to use. */
export interface AppView {
  readonly name: string;
  readonly container: StackContainer;
  /** Hosts, as the container's environment names them. */
  readonly primaryHost: string | null;
  readonly replicaHosts: readonly string[];
  readonly routing: string | null;
}

export interface ClusterView {
  readonly nodes: readonly NodeView[];
  readonly apps: readonly AppView[];
  /** Name of the server that accepts writes on the highest timeline; null when none does. */
  readonly primary: string | null;
}

/** A node that answers. */
export interface AnsweringNode extends NodeView {
  readonly server: ServerView;
  readonly address: NodeAddress;
}

export function answers(node: NodeView): node is AnsweringNode {
  return node.server !== null && node.address !== null;
}

/**
 * The primary among several servers. After a promotion beside a primary that still lives there are two
 * that accept writes: the higher timeline is the one that goes on.
 */
export function primaryOf(nodes: readonly NodeView[]): AnsweringNode | null {
  const primaries = nodes.filter(answers).filter(({ server }) => server.role === 'primary');
  return [...primaries].sort((a, b) => b.server.timeline - a.server.timeline)[0] ?? null;
}

export function nodeNamed(view: ClusterView, name: string): NodeView {
  const found = view.nodes.find((node) => node.name === name);
  if (found === undefined) throw new Error(`no node is called ${name}`);
  return found;
}
