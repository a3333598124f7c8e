import type { TopologyName } from '../model.ts';
import { createEmbeddedTopology } from '../topology/embedded/embedded.ts';
import { configuredApplicationPort } from './application-port.ts';
import { openCompose } from './open-compose.ts';
import { openContainers } from './open-containers.ts';
import type { OpenedTopology, TopologyRequest } from './topology-request.ts';

type Opener = (request: TopologyRequest) => Promise<OpenedTopology>;

const openers: Readonly<Partial<Record<TopologyName, Opener>>> = {
  embedded: openEmbedded,
  testcontainers: openContainers,
  compose: openCompose,
};

export const openableTopologies = Object.keys(openers) as readonly TopologyName[];

/** Throws UsageError, EnvironmentError, or the signal's reason; leaves nothing behind then. */
export function openTopology(name: TopologyName, request: TopologyRequest): Promise<OpenedTopology> {
  const open = openers[name];
  if (open === undefined) throw new Error(`no topology is called ${name}`);
  return open(request);
}

async function openEmbedded(request: TopologyRequest): Promise<OpenedTopology> {
  const { dataParent, guardian } = request;
  const topology = await createEmbeddedTopology({
    ...request,
    ...(dataParent === undefined ? {} : { parentDir: dataParent }),
  });
  return {
    topology,
    application: configuredApplicationPort(request.application, guardian, topology.dataDir),
  };
}
