/** The power of two choices: of two nodes drawn at random, the one that will be done sooner. */

export interface Choosable {
  /** Queries on it, and waiting for it. */
  readonly inFlight: number;
  /** Its share of the load relative to the others'. */
  readonly weight: number;
  latencyMs(): number;
}

/**
 * Taking the best of all by figures that are a moment old would send every concurrent read to the same node; taking
 * the better of two drawn ones does not, and needs no coordination between processes (Mitzenmacher 2001, "The power
 * of two choices in randomized load balancing"). They are drawn by weight, and the first of two equal ones is taken:
 * so weights are shares of idle nodes, too. `random` gives numbers from 0 to below 1. Undefined = no node.
 */
export function chooseNode<Node extends Choosable>(
  nodes: readonly Node[],
  random: () => number,
): Node | undefined {
  const [only] = nodes;
  if (nodes.length <= 1) return only;
  const a = draw(nodes, random);
  const b = draw(nodes, random, a);
  if (a === undefined || b === undefined) return only;
  return isSooner(b, a) ? b : a;
}

/** Loops and no closures: this is done for every read. */
function draw<Node extends Choosable>(
  nodes: readonly Node[],
  random: () => number,
  without?: Node,
): Node | undefined {
  let total = 0;
  for (const node of nodes) if (node !== without) total += node.weight;
  let left = random() * total;
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

function isSooner(one: Choosable, other: Choosable): boolean {
  const [ms, otherMs] = [one.latencyMs(), other.latencyMs()];
  const areAlike = ms <= alike * otherMs && otherMs <= alike * ms;
  return areAlike ? load(one) < load(other) : load(one) * ms < load(other) * otherMs;
}

/** With the next query: what is on the node already counts by weight, itself does not. */
function load(node: Choosable): number {
  return 1 + node.inFlight / node.weight;
}
