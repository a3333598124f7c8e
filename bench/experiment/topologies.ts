import type { NodeAddress, Scenario, TopologyName } from '../model.ts';
import { createEmbeddedTopology } from '../topology/embedded/embedded.ts';
import type { Guardian } from '../topology/guardian.ts';
import type { Step, Topology } from '../topology/topology.ts';
import type { ApplicationDefinition } from './application-definition.ts';
import { configuredApplicationPort } from './application-port.ts';
import type { ApplicationPort } from './ports.ts';

export interface TopologyRequest {
  readonly guardian: Guardian;
  readonly application: ApplicationDefinition;
  readonly scenario: Scenario;
  readonly maxReplicas: number;
  readonly nodeCpus: number | 'auto';
  readonly limits: 'auto' | 'none';
  /** Where the nodes' data goes, if the topology keeps it in a folder. */
  readonly dataParent?: string | undefined;
  /** Makes schema and data on an empty primary. */
  readonly prepare: (primary: NodeAddress, signal: AbortSignal) => Promise<void>;
  readonly onStep: (step: Step) => void;
  readonly signal: AbortSignal;
}

export interface OpenedTopology {
  /** The caller's to dispose of. */
  readonly topology: Topology;
  /** Starts the application on a cluster of that topology; needs no end of its own. */
  readonly application: ApplicationPort;
}

type Opener = (request: TopologyRequest) => Promise<OpenedTopology>;

const openers: Readonly<Partial<Record<TopologyName, Opener>>> = { embedded: openEmbedded };

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
