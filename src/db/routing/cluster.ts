/** Which node is what: the primary is found by asking, not by configuration. */
import type { Role, RoutedNode } from './node.ts';
import { createPrimaryTrack } from './primary-track.ts';
import { type ProbeSample, placeOf } from './probe.ts';

export interface ClusterEvents {
  /** Null = nobody takes writes. */
  primaryChanged(from: RoutedNode | null, to: RoutedNode | null): void;
  roleChanged(node: RoutedNode, from: Role, to: Role): void;
}

export class Cluster {
  readonly nodes: readonly RoutedNode[];
  readonly track = createPrimaryTrack();
  /** Null = no node is known to take writes. */
  primary: RoutedNode | null;
  /** Who may serve the reads of a class that ask for nothing more; see pickReplica. Empty when a node has changed. */
  readonly readers = new Map<object, readonly RoutedNode[]>();
  readonly #events: ClusterEvents;
  readonly #freshMs: number;

  /** The first node is the primary until it is known better. `freshMs`: as in PrimaryTrack.lagMs. */
  constructor(nodes: readonly [RoutedNode, ...RoutedNode[]], freshMs: number, events: ClusterEvents) {
    this.nodes = nodes;
    this.primary = nodes[0];
    this.#freshMs = freshMs;
    this.#events = events;
    for (const node of nodes) node.changed = () => this.readers.clear();
  }

  /** Of the primary that was last heard of; null before the first answer. */
  get timeline(): number | null {
    return this.track.last?.position.timeline ?? null;
  }

  sampled(node: RoutedNode, sample: ProbeSample): void {
    if (node.upSinceMs === Number.POSITIVE_INFINITY) node.upSinceMs = sample.sentMs;
    if (sample.isPrimary) this.#primarySampled(node, sample);
    else this.#replicaSampled(node, sample);
    for (const each of this.nodes) this.#measureLag(each, sample.receivedMs);
    this.readers.clear();
  }

  #primarySampled(node: RoutedNode, sample: ProbeSample): void {
    const place = placeOf(sample);
    if (place === undefined) return;
    node.place = place;
    // After a promotion the former primary may still take writes: the highest timeline wins, the others are fenced.
    if (this.timeline !== null && place.timeline < this.timeline) {
      this.#setRole(node, 'fenced');
      if (this.primary === node) this.#choose(null);
      return;
    }
    const rival = this.primary;
    const isRivalled =
      rival !== null && rival !== node && rival.role === 'primary' && rival.health.state !== 'open';
    if (isRivalled && rival.place?.timeline === place.timeline) return;
    this.#setRole(node, 'primary');
    this.track.add({ position: place, sentMs: sample.sentMs, serverMs: sample.serverMs });
    if (rival !== node) this.#choose(node);
  }

  #replicaSampled(node: RoutedNode, sample: ProbeSample): void {
    node.place = placeOf(sample, node.place?.timeline);
    if (node.role === 'replica') return;
    this.#setRole(node, 'replica');
    if (this.primary === node) this.#choose(null);
  }

  #choose(to: RoutedNode | null): void {
    const from = this.primary;
    this.primary = to;
    if (from !== null && from !== to && from.role === 'primary') this.#setRole(from, 'fenced');
    this.#events.primaryChanged(from, to);
  }

  #setRole(node: RoutedNode, role: Role): void {
    if (node.role === role) return;
    const from = node.role;
    node.role = role;
    this.#events.roleChanged(node, from, role);
  }

  #measureLag(node: RoutedNode, nowMs: number): void {
    if (node.place === undefined || node.role !== 'replica') return;
    node.lagMs = this.track.lagMs(node.place, nowMs, this.#freshMs);
    node.lagBytes = this.track.lagBytes(node.place);
  }
}
