import { compose, type Stack, type StackNode } from '../../topology/compose/stack.ts';
import { type DockerOutput, docker } from '../../topology/docker/engine.ts';

export interface OneOffOptions {
  /** Goes to the script's standard input: the way in for a password. */
  readonly input?: string;
  readonly args?: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Runs a bash script as `postgres` with the volumes of a node, in its image and environment
 * and on its network. Ends with the script; `docker/postgres/cluster.sh` is there to be sourced.
 */
export async function withVolumesOf(
  stack: Stack,
  node: StackNode,
  script: string,
  { input = '', args = [], signal }: OneOffOptions,
): Promise<DockerOutput> {
  const id = node.containerId ?? (await createContainer(stack, node.service, signal));
  const { stdout } = await docker(['inspect', '--format', '{{json .Config}}', id], { signal });
  const { Image: image, Env: environment } = JSON.parse(stdout) as { Image: string; Env: string[] };
  return docker(
    [
      ...['run', '--rm', '-i', '--pull', 'never', '--volumes-from', id, '--user', 'postgres'],
      ...['--label', `replibench.operation=${stack.project}`, '--security-opt', 'no-new-privileges'],
      ...(stack.network === null ? [] : ['--network', stack.network]),
      ...environment.flatMap((variable) => ['--env', variable]),
      ...['--entrypoint', 'bash', image, '-c', script, 'replibench', ...args],
    ],
    { input, signal },
  );
}

/** A node that has no container gets one that is not started: what its volumes are, Compose knows. */
async function createContainer(stack: Stack, service: string, signal: AbortSignal): Promise<string> {
  await compose(stack, ['up', '--no-start', '--no-deps', '--no-build', service], { signal });
  return (await compose(stack, ['ps', '-aq', service], { signal })).stdout.trim();
}
