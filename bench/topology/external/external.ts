/** Servers that somebody else runs, named by their URLs. Nothing is started, changed or stopped here. */
import { EnvironmentError, type Finding, type NodeAddress } from '../../model.ts';
import { waitUntilCaughtUp } from '../postgres/replication.ts';
import { timer } from '../timed.ts';
import type { RunningNode, RunningTopology, Step, Topology } from '../topology.ts';
import { askMembership, checkMembership } from './membership.ts';

export interface ExternalOptions {
  readonly primary: NodeAddress;
  readonly replicas: readonly NodeAddress[];
  /** Makes schema and data on the primary; absent = the database is measured as it is. */
  readonly prepare?: ((primary: NodeAddress, signal: AbortSignal) => Promise<void>) | undefined;
  readonly signal: AbortSignal;
  readonly onStep?: (step: Step) => void;
}

export interface ExternalTopology extends Topology {
  readonly name: 'external';
}

/** Throws EnvironmentError naming every server that is not what it is said to be; nothing was written then. */
export async function openExternalTopology(options: ExternalOptions): Promise<ExternalTopology> {
  const { signal } = options;
  const onStep = options.onStep ?? (() => undefined);
  const steps: Step[] = [];
  const timed = timer(steps, onStep);
  const members = await timed('check the servers', async () => {
    const asked = await Promise.all(
      [options.primary, ...options.replicas].map(async (address) => ({
        address,
        membership: await askMembership(address),
      })),
    );
    checkMembership(asked);
    return asked;
  });
  signal.throwIfAborted();
  const { prepare } = options;
  if (prepare !== undefined) await timed('prepare', () => prepare(options.primary, signal));
  const [primary, ...replicas] = members.map(({ address, membership: { standbyName } }) =>
    address.role === 'primary' ? address : { ...address, standbyName },
  );
  if (primary === undefined) throw new Error('a cluster without a primary');
  return {
    name: 'external',
    limitMethod: 'external',
    nodeCpus: null,
    findings: findings(members),
    postgresVersion: members[0]?.membership.version ?? 'unknown',
    dataDir: null,
    steps,
    async start(arm): Promise<RunningTopology> {
      const used = replicas.slice(0, arm.replicas);
      if (used.length < arm.replicas)
        throw new EnvironmentError(`${arm.replicas} replicas are needed, and ${used.length} were named`);
      return {
        nodes: [primary, ...used].map(untouchable),
        steps: [],
        waitUntilCaughtUp: (timeoutMs, waitSignal) => waitUntilCaughtUp(primary, used, timeoutMs, waitSignal),
        settled: async () => undefined,
        enforceLimits: async () => undefined,
        // A server that ends is told by its probes and by the application's answers.
        lost: new Promise(() => undefined),
        [Symbol.asyncDispose]: async () => undefined,
      };
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** The CPU of a server elsewhere cannot be read; and whether it runs is not for us to decide. */
function untouchable(address: NodeAddress): RunningNode {
  const refuse = async () => {
    throw new EnvironmentError(`${address.name} is a server of somebody else: it is not stopped from here`);
  };
  return { address, cpu: { kind: 'none' }, stop: refuse, kill: refuse, pause: refuse, resume: refuse };
}

function findings(
  members: readonly { address: NodeAddress; membership: { receiving: boolean | null } }[],
): readonly Finding[] {
  const silent = members.filter(({ membership }) => membership.receiving === false);
  return [
    {
      severity: 'info',
      id: 'external',
      message:
        'the servers were there already: their CPU is not measured, and both arms share one cluster, so the primary of the baseline feeds its replicas too',
    },
    ...silent.map(
      ({ address }): Finding => ({
        severity: 'warning',
        id: 'not-streaming',
        message: `${address.name} does not stream from a primary now`,
      }),
    ),
  ];
}
