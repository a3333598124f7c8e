import type { NodeAddress } from '../../model.ts';
import { addressOf, nodeOfHost, type Stack, type StackApp } from '../../topology/compose/stack.ts';
import { reasonOf } from '../ask.ts';
import type { AppView, ClusterView, NodeView } from './observation.ts';
import { primaryOf } from './observation.ts';
import { observeServer } from './observe-server.ts';

/** Asks every node of a compose stack at once; a node that does not answer is a view, too. */
export async function observeStack(stack: Stack): Promise<ClusterView> {
  const nodes = await Promise.all(
    stack.nodes.map(async (container): Promise<NodeView> => {
      const base = { name: container.name, container };
      if (container.state !== 'running') {
        const problem =
          container.state === 'missing' ? 'it has no container' : `its container is ${container.state}`;
        return { ...base, address: null, server: null, problem };
      }
      const address = addressOf(stack, container, 'replica');
      if (address === null) return { ...base, address, server: null, problem: 'it publishes no port' };
      return { ...base, ...(await observeAddress(address)) };
    }),
  );
  return withPrimary(nodes, stack.apps.map(appView));
}

/** Asks nodes that are known by their addresses only. */
export async function observeNodes(addresses: readonly NodeAddress[]): Promise<ClusterView> {
  const nodes = await Promise.all(
    addresses.map(async (address) => ({
      name: address.name,
      container: null,
      ...(await observeAddress(address)),
    })),
  );
  return withPrimary(nodes, []);
}

async function observeAddress(
  address: NodeAddress,
): Promise<Pick<NodeView, 'address' | 'server' | 'problem'>> {
  try {
    const server = await observeServer(address);
    return { address: { ...address, role: server.role }, server, problem: null };
  } catch (error) {
    return { address, server: null, problem: reasonOf(error, address) };
  }
}

function withPrimary(nodes: readonly NodeView[], apps: readonly AppView[]): ClusterView {
  return { nodes, apps, primary: primaryOf(nodes)?.name ?? null };
}

function appView(app: StackApp): AppView {
  const { environment } = app;
  const replicaHosts = Object.entries(environment)
    .filter(([name, value]) => /^DB_REPLICA\d+_HOST$/.test(name) && value !== '')
    .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([, value]) => value);
  return {
    name: app.name,
    container: app,
    primaryHost: environment['DB_HOST'] || null,
    replicaHosts,
    routing: environment['DB_ROUTING'] || null,
  };
}

/** The node that an application of this stack means by a value of its `x-db-node` header. */
export function nodeOfHeader(stack: Stack): (header: string) => string {
  const environment = stack.apps[0]?.environment ?? {};
  return (header) => {
    const variable = header === 'primary' ? 'DB_HOST' : `DB_${header.toUpperCase()}_HOST`;
    const host = environment[variable];
    return host === undefined || host === '' ? header : nodeOfHost(host);
  };
}
