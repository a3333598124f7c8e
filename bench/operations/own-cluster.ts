import type { ApplicationDefinition } from '../experiment/application-definition.ts';
import { prepareDatabase } from '../experiment/prepare.ts';
import { newRunId } from '../experiment/run-folder.ts';
import { openTopology } from '../experiment/topologies.ts';
import type { Arm, Scenario, TopologyName } from '../model.ts';
import { startGuardian } from '../topology/guardian.ts';
import type { VerifyTarget } from './verify/check.ts';

/** Enough rows for every query to find some; verifying measures nothing. */
const smallData: Scenario['data'] = { seed: 1, teams: 4, users: 200, contacts: 300, interactions: 1_000 };

const catchUpMs = 60_000;

export interface OwnClusterOptions {
  readonly topology: TopologyName;
  readonly application: ApplicationDefinition;
  readonly scenario: Scenario;
  readonly replicas: number;
  readonly readPath: string;
  readonly onStep: (name: string, durationMs: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Starts a cluster and an application of our own, hands both over to be verified, takes both down.
 * Throws EnvironmentError when they do not come up, or the signal's reason.
 */
export async function withOwnCluster<T>(
  options: OwnClusterOptions,
  work: (target: VerifyTarget) => Promise<T>,
): Promise<T> {
  const { application, replicas, signal } = options;
  const runId = newRunId();
  const scenario = { ...options.scenario, data: { ...options.scenario.data, ...smallData } };
  await using guardian = await startGuardian({ runId });
  const opened = await openTopology(options.topology, {
    guardian,
    application,
    scenario,
    maxReplicas: replicas,
    nodeCpus: 'auto',
    // Whether replication is right does not depend on how fast it is.
    limits: 'none',
    prepare: (primary) => prepareDatabase(application, primary, scenario.data, runId, signal),
    onStep: ({ name, durationMs }) => options.onStep(name, durationMs),
    signal,
  });
  await using topology = opened.topology;
  const arm: Arm = { name: 'replicated', topology: options.topology, replicas, routing: 'native' };
  await using cluster = await topology.start(arm, signal);
  const addresses = cluster.nodes.map(({ address }) => address);
  await using app = await opened.application.start(arm, addresses, signal);
  await cluster.waitUntilCaughtUp(catchUpMs, signal);
  return await work({
    primary: addresses[0] ?? null,
    replicas: addresses.slice(1).map((address) => ({ name: address.name, address, problem: null })),
    application: { url: app.baseUrl, readPath: options.readPath },
    applicationProblem: null,
    nodeOfHeader: (header) => header,
    mayWrite: true,
    doctor: null,
  });
}
