/** One arm's cluster: a primary and its replicas, each a container on a copy of the template's volume. */
import { EnvironmentError, type NodeAddress } from '../../model.ts';
import { Cleanup } from '../cleanup.ts';
import { lastWords, limitCpu } from '../docker/container.ts';
import { docker } from '../docker/engine.ts';
import { createSlots, waitUntilCaughtUp, waitUntilStreaming } from '../postgres/replication.ts';
import { replicaSettings, type Settings } from '../postgres/settings.ts';
import { timer } from '../timed.ts';
import type { Loss, RunningNode, RunningTopology, Step } from '../topology.ts';
import type { ContainersContext } from './context.ts';
import { type StartedContainer, startContainer } from './start-container.ts';
import { type ContainersTemplate, dataDir, mountPoint, passFile, waitOrDie } from './template.ts';
import { copyVolumes, type NodeVolume } from './volume-copies.ts';

export interface ClusterOptions {
  readonly context: ContainersContext;
  readonly template: ContainersTemplate;
  /** Names containers and volumes, `cluster1` ...; never used twice in a run. */
  readonly name: string;
  readonly replicas: number;
  readonly nodeCpus: number | null;
  readonly onStep: (step: Step) => void;
  readonly signal: AbortSignal;
}

interface StartedNode {
  readonly address: NodeAddress;
  readonly container: StartedContainer;
}

const port = 5432;
const streamingTimeoutMs = 60_000;

export async function startCluster(options: ClusterOptions): Promise<RunningTopology> {
  const { context, template, signal } = options;
  const prefix = `${context.guardian.runName}.${options.name}`;
  const replicaNames = Array.from({ length: options.replicas }, (_, index) => `replica${index + 1}`);
  const steps: Step[] = [];
  const timed = timer(steps, options.onStep);
  const asked = new Set<string>();
  const cleanup = new Cleanup();
  const names = ['primary', ...replicaNames];
  try {
    signal.throwIfAborted();
    // By name, so that a container or a volume that was made while something failed goes as well.
    cleanup.add(() =>
      remove(
        ['volume', 'rm', '--force'],
        names.map((name) => `${prefix}-${name}`),
      ),
    );
    cleanup.add(() =>
      remove(
        ['rm', '--force', '--volumes'],
        names.map((name) => `${prefix}-${name}`),
      ),
    );
    await timed('copy template', () =>
      copyVolumes(
        context,
        template.volume,
        names.map((name) => volumeOf(name, options)),
        signal,
      ),
    );
    const startNode = (name: string) => startOne(name, `${prefix}-${name}`, options);
    const primary = await timed('start primary', () => startNode('primary'));
    if (replicaNames.length > 0)
      await timed('create slots', () => createSlots(primary.address, replicaNames));
    const replicas = await timed('start replicas', () => everyOne(replicaNames.map(startNode)));
    const replicaAddresses = replicas.map(({ address }) => address);
    const nodes = [primary, ...replicas];
    const lost = Promise.race(nodes.map((node) => lossOf(node, context, asked)));
    await timed('wait for streaming', () =>
      Promise.race([
        waitUntilStreaming(primary.address, replicaAddresses, streamingTimeoutMs, signal),
        lost.then(({ reason }) => {
          throw new EnvironmentError(reason);
        }),
      ]),
    );
    // Beside the warm-up, as the embedded topology does: one command for all, they share a file system.
    const writtenOut = timed('write out', () =>
      context.docker(['exec', primary.container.id, 'sync'], signal),
    );
    cleanup.add(() => Promise.allSettled([writtenOut]));
    writtenOut.catch(() => undefined); // thrown by settled, which may never be called
    return {
      nodes: nodes.map((node) => runningNode(node, asked)),
      steps,
      lost,
      waitUntilCaughtUp: (timeoutMs, waitSignal) =>
        waitUntilCaughtUp(primary.address, replicaAddresses, timeoutMs, waitSignal),
      async settled() {
        await writtenOut;
      },
      async enforceLimits() {
        await writtenOut;
        await Promise.all(nodes.map(({ container }) => limitCpu(container.id, options.nodeCpus)));
      },
      async [Symbol.asyncDispose]() {
        for (const { address } of nodes) asked.add(address.name);
        await cleanup[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    throw await cleanup.after(error);
  }
}

/** What a node is called on the network of the run. */
export function aliasOf(cluster: string, node: string): string {
  return `${cluster}-${node}`;
}

function volumeOf(name: string, { context, template, ...options }: ClusterOptions): NodeVolume {
  const volume = `${context.guardian.runName}.${options.name}-${name}`;
  const own: Settings = { cluster_name: name };
  if (name === 'primary') return { volume, role: 'primary', settings: own };
  const primary = { host: aliasOf(options.name, 'primary'), port, user: template.user };
  return { volume, role: 'replica', settings: { ...own, ...replicaSettings(name, primary, passFile) } };
}

async function startOne(name: string, containerName: string, options: ClusterOptions): Promise<StartedNode> {
  const { context, template, signal } = options;
  signal.throwIfAborted();
  const container = await startContainer(context.library, {
    image: context.postgresImage,
    name: containerName,
    labels: context.labels,
    network: context.network,
    alias: aliasOf(options.name, name),
    env: { PGDATA: dataDir },
    command: ['postgres'],
    volumes: { [containerName]: mountPoint },
    port,
  });
  const { user, password, database } = template;
  const address: NodeAddress = {
    name,
    role: name === 'primary' ? 'primary' : 'replica',
    host: '127.0.0.1',
    port: container.port,
    ...{ user, password, database },
  };
  await waitOrDie(context, container.id, address, signal);
  return { address, container };
}

async function lossOf(
  { address, container }: StartedNode,
  { deaths }: ContainersContext,
  asked: ReadonlySet<string>,
): Promise<Loss> {
  const how = await deaths.of(container.id);
  if (asked.has(address.name)) return new Promise<never>(() => undefined);
  const words = await lastWords(container.id, [address.password]);
  return { node: address.name, reason: `${address.name} ended (${how})${words}` };
}

function runningNode({ address, container }: StartedNode, asked: Set<string>): RunningNode {
  const { id, cpu, memory } = container;
  const tell = async (...args: readonly string[]) => void (await docker([...args, id]));
  return {
    address,
    cpu,
    memory,
    async stop() {
      asked.add(address.name);
      await tell('stop', '--signal', 'INT');
    },
    async kill() {
      asked.add(address.name);
      await tell('kill');
    },
    pause: () => tell('pause'),
    resume: () => tell('unpause'),
  };
}

/** `--force` makes nothing of what is not there. */
async function remove(command: readonly string[], names: readonly string[]): Promise<void> {
  await docker([...command, ...names]);
}

/** Like Promise.all, but a failure waits for the others: what still runs must not outlive the clean-up. */
async function everyOne<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
