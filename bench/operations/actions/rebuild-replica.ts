import { EnvironmentError } from '../../model.ts';
import { compose, type Stack, type StackNode } from '../../topology/compose/stack.ts';
import { docker } from '../../topology/docker/engine.ts';
import { observeStack } from '../observe/observe-stack.ts';
import { dataKindOf } from './data-kind.ts';

/**
 * Throws a replica's data away, and nobody else's: its container and volume are removed, and the node that
 * is started in their place copies the primary (docker/postgres/replica-init.sh). Interrupted anywhere it
 * can be run again. Throws EnvironmentError when the node is or was a primary (unless that is to be thrown
 * away), or when there is no primary to copy.
 */
export async function rebuildReplica(
  stack: Stack,
  node: StackNode,
  signal: AbortSignal,
  { discardPrimaryData = false } = {},
): Promise<void> {
  // Not what was seen some time ago: between diagnosis and now somebody may have promoted it.
  const view = await observeStack(stack);
  const now = view.nodes.find(({ name }) => name === node.name);
  if (view.primary === null) throw new EnvironmentError('no node is primary: there is nothing to copy');
  if (now?.server?.role === 'primary')
    throw new EnvironmentError(`${node.name} accepts writes: its data is never thrown away by this`);
  const mayBePrimary = !discardPrimaryData && now?.server === null;
  if (mayBePrimary && (await dataKindOf(stack, node, signal)) === 'primary')
    throw new EnvironmentError(`${node.name} holds a primary's data: see replibench failover`);
  await compose(stack, ['rm', '--stop', '--force', node.service], { signal });
  if (node.volume !== null) await docker(['volume', 'rm', node.volume], { signal });
  await compose(stack, ['up', '-d', '--no-deps', '--no-build', node.service], { signal });
}
