import { EnvironmentError } from '../model.ts';
import type { Stack } from '../topology/compose/stack.ts';
import { answers, type ClusterView } from './observe/observation.ts';
import { nodeOfHeader } from './observe/observe-stack.ts';
import type { VerifyTarget } from './verify/check.ts';

/**
 * What is to be verified of a compose stack: every node that is not the primary should be its replica.
 * Throws EnvironmentError when the stack has no replicas at all.
 */
export function stackTarget(stack: Stack, view: ClusterView, readPath: string): VerifyTarget {
  if (view.nodes.length < 2) {
    throw new EnvironmentError(
      `the stack "${stack.project}" has no replicas: start it from docker-compose.replication.yml to verify replication`,
    );
  }
  const primary = view.nodes.find(({ name }) => name === view.primary);
  return {
    primary: primary !== undefined && answers(primary) ? primary.address : null,
    replicas: view.nodes
      .filter(({ name }) => name !== view.primary)
      .map(({ name, address, problem }) => ({ name, address, problem })),
    application: stack.url === null ? null : { url: stack.url, readPath },
    applicationProblem: stack.url === null ? 'nginx does not run' : null,
    nodeOfHeader: nodeOfHeader(stack),
    mayWrite: true,
    doctor: 'replibench doctor',
  };
}
