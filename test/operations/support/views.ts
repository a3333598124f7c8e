/** Hand-made observations: a healthy cluster of three, and what may be changed in it. */

import type {
  AppView,
  ClusterView,
  NodeView,
  ServerView,
} from '../../../bench/operations/observe/observation.ts';
import { primaryOf } from '../../../bench/operations/observe/observation.ts';
import type { StackContainer } from '../../../bench/topology/compose/stack.ts';

export function container(service: string, changes: Partial<StackContainer> = {}): StackContainer {
  return {
    service,
    containerId: `id-of-${service}`,
    state: 'running',
    health: 'healthy',
    exitCode: 0,
    networks: ['test_database'],
    ...changes,
  };
}

export function server(role: 'primary' | 'replica', changes: Partial<ServerView> = {}): ServerView {
  const isReplica = role === 'replica';
  return {
    role,
    version: '17.12',
    systemIdentifier: '7575',
    timeline: 1,
    lsn: '0/5000000',
    replayLsn: isReplica ? '0/5000000' : null,
    replayPause: isReplica ? 'not paused' : null,
    applyDelayMs: 0,
    receiver: isReplica ? { status: 'streaming', host: 'postgres-primary', slot: null, silentMs: 20 } : null,
    upstreamHost: isReplica ? 'postgres-primary' : null,
    senders: isReplica ? [] : ['replica1', 'replica2'].map((name) => sender(name)),
    slots: isReplica ? [] : ['replica1', 'replica2'].map((name) => slot(name)),
    conflicts: 0,
    connections: 3,
    maxConnections: 100,
    replayWait: isReplica ? 'RecoveryWalStream' : null,
    oldestTransaction: null,
    ...changes,
  };
}

export function sender(applicationName: string, state = 'streaming') {
  return { applicationName, state, syncState: 'async', sentLsn: '0/5000000', replayLsn: '0/5000000' };
}

export function slot(name: string, changes: object = {}) {
  return { name, active: true, walStatus: 'reserved', retainedBytes: 0, ...changes };
}

export function node(name: string, changes: Partial<NodeView> = {}): NodeView {
  const role = name === 'primary' ? 'primary' : 'replica';
  const address = {
    name,
    role,
    host: '127.0.0.1',
    port: 5432,
    database: 'app',
    user: 'postgres',
    password: 'x',
  } as const;
  return {
    name,
    container: container(`postgres-${name}`),
    address,
    server: server(role),
    problem: null,
    ...changes,
  };
}

/** A node whose container does not run. */
export function down(name: string, changes: Partial<StackContainer> = {}): NodeView {
  const stopped = container(`postgres-${name}`, {
    state: 'exited',
    health: null,
    exitCode: 137,
    networks: [],
    ...changes,
  });
  return node(name, {
    container: stopped,
    address: null,
    server: null,
    problem: `its container is ${stopped.state}`,
  });
}

export function app(name: string, changes: Partial<AppView> = {}): AppView {
  return {
    name,
    container: container(name),
    primaryHost: 'postgres-primary',
    replicaHosts: ['postgres-replica1', 'postgres-replica2'],
    routing: null,
    ...changes,
  };
}

export function view(nodes: readonly NodeView[], apps: readonly AppView[] = []): ClusterView {
  return { nodes, apps, primary: primaryOf(nodes)?.name ?? null };
}

export function healthy(): ClusterView {
  return view(
    [node('primary'), node('replica1'), node('replica2')],
    ['app1', 'app2', 'app3'].map((name) => app(name)),
  );
}
