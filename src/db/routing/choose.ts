/** The power of two choices: of two nodes drawn at random, the one that will be done sooner. */

export interface Choosable {
  /** Queries on it, and waiting for it. */
  readonly inFlight: number;
  /** Its share of the load relative to the others'. */
  readonly weight: number;
  latencyMs(nowMs: number): number;
}

/**
 * Taking the best of all by figures that are a moment old would send every concurrent read to the same node; taking
 * the better of two drawn ones does not, and needs no coordination between processes (Mitzenmacher 2001, "The power
 * of two choices in randomized load balancing"). They are drawn by weight, and the first of two equal ones is taken:
 * so weights are shares of idle nodes, too. `random` gives numbers from 0 to below 1. `nowMs`: monotonic; once for
 * all, since looking at the clock costs as much as the choice. Undefined = no node.
 */
export function chooseNode<Node extends Choosable>(
  nodes: readonly Node[],
  random: () => number,
  nowMs: number,
): Node | undefined {
  if (nodes.length <= 1) return nodes[0];
  let total = 0;
  for (const node of nodes) total += node.weight;
  const a = draw(nodes, random() * total);
  if (a === undefined) return undefined;
  const b = draw(nodes, random() * (total - a.weight), a);
  return b !== undefined && isSooner(b, a, nowMs) ? b : a;
}

/** Loops and no closures: this is done for every read. `at`: from 0 to below the sum of the weights. */
function draw<Node extends Choosable>(nodes: readonly Node[], at: number, without?: Node): Node | undefined {
  let left = at;
  let last: Node | undefined;
  for (const node of nodes) {
    if (node === without) continue;
    last = node;
    left -= node.weight;
    if (left < 0) break;
  }
  return last;
}

/** Latencies that differ by less are alike: their noise must not undo what the queues say. */
const alike = 2;

function isSooner(one: Choosable, other: Choosable, nowMs: number): boolean {
  const ms = one.latencyMs(nowMs);
  const otherMs = other.latencyMs(nowMs);
  const areAlike = ms <= alike * otherMs && otherMs <= alike * ms;
  return areAlike ? load(one) < load(other) : load(one) * ms < load(other) * otherMs;
}

/** With the next query: what is on the node already counts by weight, itself does not. */
function load(node: Choosable): number {
  return 1 + node.inFlight / node.weight;
}
