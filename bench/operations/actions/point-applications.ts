import { EnvironmentError } from '../../model.ts';
import { setVariables } from '../../topology/compose/env-file.ts';
import { compose, findStack, type Stack, serviceOf } from '../../topology/compose/stack.ts';
import type { AppView, ClusterView } from '../observe/observation.ts';
import { until } from './until.ts';

const healthyMs = 180_000;

/** The hosts that applications should use: the primary, and every replica that streams from it. */
export interface Hosts {
  readonly primary: string;
  readonly replicas: readonly string[];
}

/** Of the cluster as it is. Throws EnvironmentError without a primary. */
export function hostsOf(view: ClusterView): Hosts {
  if (view.primary === null) throw new EnvironmentError('no node is primary: there is nothing to point at');
  const senders = view.nodes.find(({ name }) => name === view.primary)?.server?.senders ?? [];
  const streams = new Set(
    senders.filter(({ state }) => state === 'streaming').map(({ applicationName }) => applicationName),
  );
  const replicas = view.nodes.filter(({ name, server }) => server?.role === 'replica' && streams.has(name));
  return { primary: serviceOf(view.primary), replicas: replicas.map(({ name }) => serviceOf(name)) };
}

/** Variables of the env file for these hosts; replicas that are no more become empty. */
export function hostVariablesOf({ primary, replicas }: Hosts, nodes: number): Record<string, string> {
  const variables: Record<string, string> = { DB_HOST: primary };
  for (let index = 1; index < nodes; index += 1)
    variables[`DB_REPLICA${index}_HOST`] = replicas[index - 1] ?? '';
  return variables;
}

/** Whether an application uses exactly these hosts. */
export function uses(app: AppView, hosts: Hosts): boolean {
  return (
    app.primaryHost === hosts.primary &&
    app.routing !== 'primary-only' &&
    [...app.replicaHosts].sort().join() === [...hosts.replicas].sort().join()
  );
}

/**
 * Tells the applications which hosts to use: env file first, so that whoever recreates them from now on gets
 * the same, then the applications, never all of them at once, so that reads go on. Those that are right stay as they are.
 */
export async function pointApplications(
  stack: Stack,
  view: ClusterView,
  signal: AbortSignal,
  onApps: (names: readonly string[]) => void = () => undefined,
): Promise<void> {
  const hosts = hostsOf(view);
  await setVariables(stack.envFile, hostVariablesOf(hosts, stack.nodes.length));
  const wrong = view.apps.filter((app) => !uses(app, hosts) || app.container.state !== 'running');
  const [first, ...others] = wrong.map(({ name }) => name);
  // The first one shows that it works while the others still serve reads; then the others at once.
  for (const names of [first === undefined ? [] : [first], others]) {
    if (names.length === 0) continue;
    await compose(stack, ['up', '-d', '--no-deps', '--no-build', ...names], { signal });
    await waitUntilHealthy(stack, names, signal);
    onApps(names);
  }
}

/** Not compose's own --wait: on a busy machine a health check that came too late is no reason to give up. */
async function waitUntilHealthy(stack: Stack, names: readonly string[], signal: AbortSignal): Promise<void> {
  await until(`${names.join(', ')} healthy`, healthyMs, signal, async () => {
    const { apps } = await findStack({ project: stack.project, previous: stack, signal });
    return names.every((name) => isHealthy(apps, name));
  });
}

function isHealthy(apps: Stack['apps'], name: string): boolean {
  const app = apps.find((one) => one.name === name);
  return app?.state === 'running' && (app.health === 'healthy' || app.health === null);
}
