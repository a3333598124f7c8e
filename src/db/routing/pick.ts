/** Which node serves a read, if any may. */
import { chooseNode } from './choose.ts';
import type { Cluster } from './cluster.ts';
import type { RoutedNode } from './node.ts';
import type { Floor } from './session.ts';

/** How fresh the reads of a class have to be, and what becomes of one when no replica is. */
export interface ReadClass {
  /** Most milliseconds that a replica may be behind. */
  readonly maxLagMs: number;
  readonly maxLagBytes: number;
  /** Longest wait for a replica that is about to be fresh enough, or for a place on the primary. */
  readonly waitMs: number;
  /**
   * When neither replicas nor primary can serve it: a replica that lags more than allowed, or an error. What a session
   * has written or seen is never missed.
   */
  readonly otherwise: 'stale' | 'reject';
}

export interface ReadRequest {
  readonly readClass: ReadClass;
  /** As of now: it becomes known bit by bit. Null = any state of the data will do. */
  readonly floor: () => Floor | null;
  /** Nodes that have failed this read already. */
  readonly tried: ReadonlySet<RoutedNode>;
}

/** Why no replica may serve a read. */
export type Unmet =
  /** None is there, or none answers. */
  | 'no-replica'
  /** Those that are there lag more than the class allows. */
  | 'lag'
  /** Those that are there lack what the session has written or seen. */
  | 'floor';

/**
 * Healthy nodes before suspect ones. A primary that never had replicas serves every read. Beside replicas it joins in
 * with its weight while one of them may serve the read: when none may, its reads are an emergency, and limited.
 */
export function pickReplica(
  cluster: Cluster,
  request: ReadRequest,
  random: () => number,
  nowMs: number,
): RoutedNode | Unmet {
  const { nodes, primary } = cluster;
  if (nodes.length === 1) return primary ?? 'no-replica';
  const { readClass, tried } = request;
  const floor = request.floor();
  // Nearly every read asks for nothing beyond its class, and what is known of nodes changes with a probe or a failure.
  const asksNoMore = floor === null && tried.size === 0;
  const known = asksNoMore ? cluster.readers.get(readClass) : undefined;
  if (known !== undefined) return chooseNode(known, random, nowMs) ?? 'no-replica';
  let unmet: Unmet = 'no-replica';
  const fresh: RoutedNode[] = [];
  let areSuspect = true;
  for (const node of nodes) {
    if (node.role !== 'replica' || !isServing(node) || tried.has(node)) continue;
    const why = staleness(cluster, node, readClass, floor);
    if (why !== null) {
      if (unmet !== 'floor') unmet = why;
    } else if (node.health.state !== 'suspect') {
      if (areSuspect) fresh.length = 0;
      areSuspect = false;
      fresh.push(node);
    } else if (areSuspect) fresh.push(node);
  }
  if (fresh.length === 0) return unmet;
  if (
    primary !== null &&
    primary.weight > 0 &&
    primary.health.state === 'healthy' &&
    !request.tried.has(primary)
  ) {
    fresh.push(primary);
  }
  // One on trial may serve or not with every read.
  if (asksNoMore && nodes.every(({ health }) => health.state !== 'half-open'))
    cluster.readers.set(readClass, fresh);
  return chooseNode(fresh, random, nowMs) ?? unmet;
}

/** A replica whatever its lag that has what the session needs; undefined = there is none. */
export function pickAnyReplica(
  cluster: Cluster,
  { floor, tried }: ReadRequest,
  random: () => number,
  nowMs: number,
): RoutedNode | undefined {
  const needed = floor();
  const serving = cluster.nodes.filter(
    (node) =>
      node.role === 'replica' &&
      isServing(node) &&
      !tried.has(node) &&
      (needed === null || meets(cluster, node, needed)),
  );
  return chooseNode(serving, random, nowMs);
}

/** A node on trial gets one read at a time. */
export function isServing(node: RoutedNode): boolean {
  const { state } = node.health;
  return state === 'healthy' || state === 'suspect' || (state === 'half-open' && node.readsInFlight === 0);
}

/** Null = fresh enough. */
export function staleness(
  cluster: Cluster,
  node: RoutedNode,
  { maxLagMs, maxLagBytes }: ReadClass,
  floor: Floor | null,
): 'lag' | 'floor' | null {
  if (node.lagMs > maxLagMs || node.lagBytes > maxLagBytes) return 'lag';
  return floor === null || meets(cluster, node, floor) ? null : 'floor';
}

function meets({ track }: Cluster, node: RoutedNode, floor: Floor): boolean {
  const { place } = node;
  if (place === undefined) return false;
  if (floor.written !== null && !track.includes(place, floor.written)) return false;
  if (floor.seen === null) return true;
  // What a client saw on this node it will see here again, unless it restarted in between.
  if (floor.seenOn === node.name && node.upSinceMs <= floor.seenMs) return true;
  return floor.seen !== undefined && track.includes(place, floor.seen);
}
