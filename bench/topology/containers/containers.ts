/** A replicated PostgreSQL by testcontainers: one container a node, on one network, quotas by the engine. */
import type { NodeAddress } from '../../model.ts';
import { Cleanup } from '../cleanup.ts';
import { requireImage } from '../docker/container.ts';
import { watchDeaths } from '../docker/deaths.ts';
import { docker, requireEngine } from '../docker/engine.ts';
import { labelsOf, removeContainers, runLabel, sweepAbandonedContainers } from '../docker/leftovers.ts';
import type { Guardian } from '../guardian.ts';
import { checkSize, coresPerNode, leftoverFindings, quotaFindings } from '../node-quota.ts';
import { timer } from '../timed.ts';
import type { RunningTopology, Step, Topology } from '../topology.ts';
import { aliasOf, startCluster } from './cluster.ts';
import type { ContainersContext } from './context.ts';
import { loadTestcontainers, type Testcontainers } from './library.ts';
import { makeTemplate } from './template.ts';

export interface ContainersOptions {
  readonly guardian: Guardian;
  readonly maxReplicas: number;
  readonly nodeCpus: number | null | 'auto';
  readonly limits: 'auto' | 'none';
  /** PostgreSQL of the official image's contract. Default: POSTGRES_IMAGE, else postgres:17. */
  readonly postgresImage?: string;
  /** PostgreSQL settings of the measured nodes, over the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Makes schema and data; runs once, against a server without quota and without durability. */
  readonly prepare: (primary: NodeAddress, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly onStep?: (step: Step) => void;
}

export interface ContainersTopology extends Topology {
  readonly name: 'testcontainers';
  /** For containers that join the nodes on their network. */
  readonly context: ContainersContext;
  /** The address of a running node as its neighbours on that network see it. */
  addressInside(node: NodeAddress): NodeAddress;
}

/** Throws UsageError, EnvironmentError, or the signal's reason; leaves nothing behind then. */
export async function createContainersTopology(options: ContainersOptions): Promise<ContainersTopology> {
  const { guardian, signal } = options;
  const onStep = options.onStep ?? (() => undefined);
  checkSize(options);
  const steps: Step[] = [];
  const timed = timer(steps, onStep);
  const env = { ...process.env, ...guardian.environment };
  const label = `${runLabel}=${guardian.runName}`;
  const run: ContainersContext['docker'] = (args, runSignal, input) =>
    docker(args, { signal: runSignal, env, ...(input === undefined ? {} : { input }) });
  const postgresImage = options.postgresImage ?? (process.env['POSTGRES_IMAGE'] || 'postgres:17');
  const cleanup = new Cleanup();
  try {
    const left = await timed('check the engine', async () => {
      await requireEngine(signal);
      for (const one of labelsOf(guardian.runName)) await guardian.registerContainers(one);
      cleanup.add(() => removeEverything(guardian.runName));
      await requireImage(postgresImage, { signal, env });
      return sweepAbandonedContainers();
    });
    const library = await timed('load testcontainers', loadTestcontainers);
    await createNetwork(library, guardian.runName);
    const deaths = cleanup.use(await watchDeaths(label, env));
    const context: ContainersContext = {
      ...{ library, guardian, label, labels: { [runLabel]: guardian.runName }, postgresImage, deaths },
      network: guardian.runName,
      docker: run,
    };
    const { prepare, settings = {} } = options;
    const template = await makeTemplate({ context, settings, prepare, signal, timed });
    const nodeCpus = options.limits === 'none' ? null : coresPerNode(options);

    const closing = new AbortController();
    const started: Promise<RunningTopology>[] = [];
    const aliases = new Map<number, string>();
    cleanup.add(async () => {
      closing.abort(new Error('the topology was taken down'));
      await Promise.allSettled(started.map(async (one) => (await one)[Symbol.asyncDispose]()));
    });
    return {
      name: 'testcontainers',
      limitMethod: nodeCpus === null ? 'none' : 'container',
      nodeCpus,
      findings: [...quotaFindings(null, nodeCpus), ...leftoverFindings(left)],
      postgresVersion: template.version,
      dataDir: null,
      steps,
      context,
      addressInside: (node) => ({ ...node, host: aliases.get(node.port) ?? node.host, port: 5432 }),
      start(arm, startSignal) {
        const name = `cluster${started.length + 1}`;
        const cluster = startCluster({
          ...{ context, template, name, nodeCpus, onStep, replicas: arm.replicas },
          signal: AbortSignal.any([startSignal, closing.signal]),
        });
        started.push(cluster);
        return cluster.then((running) => {
          for (const { address } of running.nodes) aliases.set(address.port, aliasOf(name, address.name));
          return running;
        });
      },
      [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
    };
  } catch (error) {
    throw await cleanup.after(error);
  }
}

/** The library's `Network` takes no labels, by which the guardian finds it; its client does. */
async function createNetwork(library: Testcontainers, runName: string): Promise<void> {
  const client = await library.getContainerRuntimeClient();
  await client.network.create({ Name: runName, Driver: 'bridge', Labels: { [runLabel]: runName } });
}

async function removeEverything(runName: string): Promise<void> {
  const left = await removeContainers(labelsOf(runName), 60_000);
  if (left.length > 0) throw new Error(left.join('; '));
}
