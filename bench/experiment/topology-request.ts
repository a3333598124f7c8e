import type { NodeAddress, Scenario } from '../model.ts';
import type { Guardian } from '../topology/guardian.ts';
import type { Step, Topology } from '../topology/topology.ts';
import type { ApplicationDefinition } from './application-definition.ts';
import type { ExternalTarget } from './external-target.ts';
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
  /** Of an external topology: where it is. */
  readonly external?: ExternalTarget | undefined;
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
