import { compose, type Stack, type StackContainer } from '../../topology/compose/stack.ts';
import { docker } from '../../topology/docker/engine.ts';

/** Lets a container run that does not, whatever keeps it from running. */
export async function startService(
  stack: Stack,
  container: StackContainer,
  signal: AbortSignal,
): Promise<void> {
  const { containerId, state, service } = container;
  if (containerId === null)
    await compose(stack, ['up', '-d', '--no-deps', '--no-build', service], { signal });
  else if (state === 'paused') await docker(['unpause', containerId], { signal });
  else if (state !== 'running') await docker(['start', containerId], { signal });
}

/** Puts a node back on the network on which its peers know it by its service's name. */
export async function attachToNetwork(
  stack: Stack,
  container: StackContainer,
  signal: AbortSignal,
): Promise<void> {
  if (stack.network === null || container.containerId === null) return;
  const { network } = stack;
  await docker(['network', 'connect', '--alias', container.service, network, container.containerId], {
    signal,
  });
}
