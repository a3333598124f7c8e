/** One container by testcontainers: published on loopback only, without a quota, found again by label. */
import type { WaitStrategy } from 'testcontainers';
import { EnvironmentError } from '../../model.ts';
import { inspectContainers, publishedPort } from '../docker/container.ts';
import { type ContainerSources, containerSources } from '../docker/container-sources.ts';
import type { Testcontainers } from './library.ts';

export interface ContainerSpec {
  readonly image: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly network: string;
  /** What it is called on the network. */
  readonly alias: string;
  /** Seen by everybody who may inspect the container: nothing secret. */
  readonly env: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  /** Named volume -> folder in the container. */
  readonly volumes?: Readonly<Record<string, string>>;
  /** Path in the container -> content, put there before it starts: the way in for secrets. */
  readonly files?: Readonly<Record<string, string>>;
  readonly port: number;
  /** Takes all capabilities away, and the ways to get any. */
  readonly unprivileged?: boolean;
}

export interface StartedContainer extends ContainerSources {
  readonly id: string;
  /** On 127.0.0.1. */
  readonly port: number;
}

/** PostgreSQL's parallel queries need more of it than an engine's 64 MB. */
const sharedMemoryBytes = 256 * 2 ** 20;

/**
 * Resolves when the container has been started; whether it can serve is for the caller to ask.
 * Throws EnvironmentError with what the engine said; a container that was made stays, to be found by label.
 */
export async function startContainer(
  library: Testcontainers,
  spec: ContainerSpec,
): Promise<StartedContainer> {
  const container = describeContainer(library, spec);
  let id: string;
  try {
    id = (await container.start()).getId();
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new EnvironmentError(`cannot start a container of ${spec.image} for ${spec.alias}: ${words}`, {
      cause,
    });
  }
  const [inspected] = await inspectContainers([id]);
  if (inspected === undefined) throw new EnvironmentError(`the container of ${spec.alias} is gone`);
  return { id, port: publishedPort(inspected, spec.port), ...containerSources(id, inspected.State.Pid) };
}

function describeContainer({ GenericContainer }: Testcontainers, spec: ContainerSpec) {
  /** What the library has no words for: the loopback address, one network instead of two, no health check. */
  class LoopbackContainer extends GenericContainer {
    protected override async beforeContainerCreated(): Promise<void> {
      this.hostConfig.PortBindings = { [`${spec.port}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: '0' }] };
      // The image's own check would be a process more in a measured container.
      this.createOpts.Healthcheck = { Test: ['NONE'] };
      this.createOpts.NetworkingConfig = { EndpointsConfig: { [spec.network]: { Aliases: [spec.alias] } } };
    }
  }
  const container = new LoopbackContainer(spec.image)
    .withName(spec.name)
    .withLabels(spec.labels)
    .withNetworkMode(spec.network)
    .withEnvironment(spec.env)
    .withExposedPorts(spec.port)
    .withSharedMemorySize(sharedMemoryBytes)
    .withBindMounts(
      Object.entries(spec.volumes ?? {}).map(([source, target]) => ({ source, target, mode: 'rw' })),
    )
    .withCopyContentToContainer(
      Object.entries(spec.files ?? {}).map(([target, content]) => ({ target, content, mode: 0o444 })),
    )
    .withWaitStrategy(atOnce);
  if (spec.command !== undefined) container.withCommand([...spec.command]);
  if (spec.unprivileged === true)
    container.withDroppedCapabilities('ALL').withSecurityOpt('no-new-privileges:true');
  return container;
}

const atOnce: WaitStrategy = {
  waitUntilReady: async () => undefined,
  withStartupTimeout: () => atOnce,
  isStartupTimeoutSet: () => true,
  getStartupTimeout: () => 0,
};
