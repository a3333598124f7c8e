import { type TopologyName, topologyNames } from '../model.ts';
import { createEmbeddedTopology } from '../topology/embedded/embedded.ts';
import { configuredApplicationPort } from './application-port.ts';
import { openCompose } from './open-compose.ts';
import { openContainers } from './open-containers.ts';
import { openExternal } from './open-external.ts';
import type { OpenedTopology, TopologyRequest } from './topology-request.ts';

type Opener = (request: TopologyRequest) => Promise<OpenedTopology>;

const openers: Readonly<Record<TopologyName, Opener>> = {
  embedded: openEmbedded,
  testcontainers: openContainers,
  compose: openCompose,
  external: openExternal,
};

/** Those that a run can start by itself, without being told where they are. */
export const openableTopologies: readonly TopologyName[] = topologyNames.filter(
  (name) => name !== 'external',
);

/** Throws UsageError, EnvironmentError, or the signal's reason; leaves nothing behind then. */
export function openTopology(name: TopologyName, request: TopologyRequest): Promise<OpenedTopology> {
  return openers[name](request);
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
