/** The seed's monitoring queries as one table: a row a node, then the applications. Pure. */
import type { Reading } from '../../model.ts';
import {
  type AppView,
  answers,
  type ClusterView,
  type NodeView,
  type SlotView,
} from '../observe/observation.ts';

export interface NodeStatus {
  readonly node: string;
  readonly role: 'primary' | 'replica' | null;
  readonly state: string;
  readonly timeline: number | null;
  /** Of a replica: what the primary has sent to it. Of the primary: up to where its WAL is flushed. */
  readonly sentLsn: string | null;
  readonly replayLsn: string | null;
  /** Null on the primary, and where it could not be measured. */
  readonly lagBytes: number | null;
  readonly lagMs: number | null;
  /** The replica is behind everything seen so far: `lagMs` is the least it can be. */
  readonly lagIsLowerBound: boolean;
  /** The slot on the primary that keeps WAL for this node. */
  readonly slot: SlotView | null;
  readonly conflicts: number | null;
  readonly connections: number | null;
  readonly maxConnections: number | null;
}

export interface AppStatus {
  readonly app: string;
  readonly state: string;
  readonly writesTo: string | null;
  readonly readsFrom: readonly string[];
}

export interface Status {
  readonly at: string;
  readonly primary: string | null;
  readonly nodes: readonly NodeStatus[];
  readonly apps: readonly AppStatus[];
}

/** A slot's name can hold no dash. */
export function slotOf(node: string): string {
  return node.replaceAll('-', '_');
}

/** `lag` has the last reading of the lag probe by node. */
export function statusOf(view: ClusterView, lag: ReadonlyMap<string, Reading>, at: Date): Status {
  return {
    at: at.toISOString(),
    primary: view.primary,
    nodes: view.nodes.map((node) => nodeStatus(node, view, lag.get(node.name))),
    apps: view.apps.map(appStatus),
  };
}

function nodeStatus(node: NodeView, view: ClusterView, lag: Reading | undefined): NodeStatus {
  const { name, server } = node;
  const primary = view.nodes.filter(answers).find((one) => one.name === view.primary)?.server;
  const slot = name === view.primary ? undefined : primary?.slots.find((one) => one.name === slotOf(name));
  const sender = primary?.senders.find(({ applicationName }) => applicationName === name);
  const { lagMs, lagLowerMs, lagBytes } = lag?.values ?? {};
  return {
    node: name,
    role: server?.role ?? null,
    state: stateOf(node, view.primary, sender?.state),
    timeline: server?.timeline ?? null,
    sentLsn: server?.role === 'primary' ? server.lsn : (sender?.sentLsn ?? server?.lsn ?? null),
    replayLsn: server?.replayLsn ?? null,
    lagBytes: lagBytes ?? null,
    lagMs: lagMs ?? lagLowerMs ?? null,
    lagIsLowerBound: lagMs === undefined && lagLowerMs !== undefined,
    slot: slot ?? null,
    conflicts: server?.role === 'replica' ? server.conflicts : null,
    connections: server?.connections ?? null,
    maxConnections: server?.maxConnections ?? null,
  };
}

function stateOf(node: NodeView, primary: string | null, sent: string | undefined): string {
  const { container, server, name } = node;
  if (container !== null && container.state !== 'running') return container.state;
  if (server === null) return 'no answer';
  if (server.role === 'primary') return name === primary ? 'accepts writes' : 'SECOND PRIMARY';
  const streaming = sent ?? (server.receiver === null ? 'not streaming' : server.receiver.status);
  return server.replayPause === 'not paused' ? streaming : `${streaming}, replay ${server.replayPause}`;
}

function appStatus(app: AppView): AppStatus {
  const { state, health } = app.container;
  const node = (host: string) => host.replace(/^postgres-/, '');
  return {
    app: app.name,
    state: state === 'running' ? (health ?? state) : state,
    writesTo: app.primaryHost === null ? null : node(app.primaryHost),
    readsFrom: app.routing === 'primary-only' ? [] : app.replicaHosts.map(node),
  };
}
