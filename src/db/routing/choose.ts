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
  const b = draw(
    nodes.filter((node) => node !== a),
    random,
  );
  if (a === undefined || b === undefined) return only;
  return expectedMs(b) < expectedMs(a) ? b : a;
}

function draw<Node extends Choosable>(nodes: readonly Node[], random: () => number): Node | undefined {
  let left = random() * nodes.reduce((sum, { weight }) => sum + weight, 0);
  for (const node of nodes) {
    left -= node.weight;
    if (left < 0) return node;
  }
  return nodes.at(-1);
}

/** Of the next query: what is on the node already counts by weight, itself does not. */
function expectedMs(node: Choosable): number {
  return (1 + node.inFlight / node.weight) * node.latencyMs();
}
