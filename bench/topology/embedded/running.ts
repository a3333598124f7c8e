/** One arm's cluster: a primary and its replicas, copied from the template and started. */
import { basename, join } from 'node:path';
import { EnvironmentError, type NodeAddress } from '../../model.ts';
import { Cleanup } from '../cleanup.ts';
import { freePort } from '../free-port.ts';
import type { CpuGroup, CpuLimits } from '../limits/cpu-limits.ts';
import { createSlots, waitUntilCaughtUp, waitUntilStreaming } from '../postgres/replication.ts';
import { formatSettings, replicaSettings, type Settings } from '../postgres/settings.ts';
import { timer } from '../timed.ts';
import type { Loss, RunningNode, RunningTopology, Step } from '../topology.ts';
import { copyCluster, requireSpace, writeOut } from './cluster-copy.ts';
import { makeOwnedDirectory, removeDirectory, writeOwned } from './owned-files.ts';
import { PortTaken, type Server, type ServerOptions, startServer } from './server.ts';
import type { Template } from './template.ts';

export interface RunningOptions extends Pick<ServerOptions, 'binaries' | 'account' | 'guardian' | 'signal'> {
  readonly template: Template;
  readonly templateBytes: number;
  readonly limits: CpuLimits;
  readonly nodeCpus: number | null;
  /** Must not exist yet. */
  readonly directory: string;
  readonly replicas: number;
  readonly onStep: (step: Step) => void;
}

const streamingTimeoutMs = 30_000;

export async function startCluster(options: RunningOptions): Promise<RunningTopology> {
  const { directory, account, signal } = options;
  const replicaNames = Array.from({ length: options.replicas }, (_, index) => `replica${index + 1}`);
  const steps: Step[] = [];
  const timed = timer(steps, options.onStep);
  const cleanup = new Cleanup();
  try {
    signal.throwIfAborted();
    await requireSpace(options.template.dataDir, 1 + options.replicas, options.templateBytes);
    await makeOwnedDirectory(directory, account);
    cleanup.add(() => removeDirectory(directory));
    await timed('copy template', () =>
      everyOne(
        ['primary', ...replicaNames].map((name) =>
          copyCluster(options.template.dataDir, join(directory, name), account, signal),
        ),
      ),
    );
    const asked = new Set<string>();
    const startNode = async (name: string, settings: Settings) => {
      const node = await startOne(name, settings, options, cleanup);
      cleanup.add(async () => {
        asked.add(name);
        await node.server.end('immediate');
      });
      return node;
    };
    const primary = await timed('start primary', () => startNode('primary', {}));
    if (replicaNames.length > 0)
      await timed('create slots', () => createSlots(primary.server.address, replicaNames));
    const replicas = await timed('start replicas', () =>
      everyOne(
        replicaNames.map((name) =>
          startNode(name, replicaSettings(name, primary.server.address, options.template.passFile)),
        ),
      ),
    );
    const replicaAddresses = replicas.map(({ server }) => server.address);
    const nodes = [primary, ...replicas];
    const { promise: lost, resolve: lose } = Promise.withResolvers<Loss>();
    const watch = async ({ server }: StartedNode): Promise<void> => {
      const { name } = server.address;
      const reason = await server.ended;
      if (!asked.has(name)) lose({ node: name, reason });
    };
    for (const node of nodes) void watch(node);
    let limited = false;
    const again = async (node: StartedNode): Promise<void> => {
      const { server, restart } = node;
      node.server = await restart();
      asked.delete(server.address.name);
      void watch(node);
      if (limited) await node.group.limit(options.nodeCpus);
    };
    await timed('wait for streaming', () =>
      Promise.race([
        waitUntilStreaming(primary.server.address, replicaAddresses, streamingTimeoutMs, signal),
        lost.then(({ reason }) => {
          throw new EnvironmentError(reason);
        }),
      ]),
    );
    // Beside the warm-up: it would slow the start down, and has to be over before anything is measured.
    const writtenOut = timed('write out', () => writeOut(directory));
    cleanup.add(() => Promise.allSettled([writtenOut]));
    writtenOut.catch(() => undefined); // thrown by settled, which may never be called
    return {
      nodes: nodes.map((node) => runningNode(node, asked, again)),
      steps,
      lost,
      waitUntilCaughtUp: (timeoutMs, waitSignal) =>
        waitUntilCaughtUp(primary.server.address, replicaAddresses, timeoutMs, waitSignal),
      settled: () => writtenOut,
      async enforceLimits() {
        await writtenOut;
        limited = true;
        await Promise.all(nodes.map(({ group }) => group.limit(options.nodeCpus)));
      },
      [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
    };
  } catch (error) {
    throw await cleanup.after(error);
  }
}

/** Like Promise.all, but a failure waits for the others: what still runs must not outlive the clean-up. */
async function everyOne<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

interface StartedNode {
  /** Another one after each start. */
  server: Server;
  readonly group: CpuGroup;
  /** On the same port and data. */
  readonly restart: () => Promise<Server>;
}

async function startOne(
  name: string,
  settings: Settings,
  options: RunningOptions,
  cleanup: Cleanup,
): Promise<StartedNode> {
  const { binaries, account, guardian, template, signal } = options;
  const dataDir = join(options.directory, name);
  const logFile = join(options.directory, `${name}.log`);
  const group = cleanup.use(await options.limits.createGroup(`${basename(options.directory)}-${name}`));
  await writeOwned(
    join(dataDir, 'postgresql.auto.conf'),
    formatSettings({ cluster_name: name, ...settings }),
    account,
  );
  if (name !== 'primary') await writeOwned(join(dataDir, 'standby.signal'), '', account);
  for (let attempt = 1; ; attempt++) {
    const { database, user, password } = template;
    const role: NodeAddress['role'] = name === 'primary' ? 'primary' : 'replica';
    const address = { name, role, host: '127.0.0.1', port: await freePort(), database, user, password };
    const restart = (): Promise<Server> =>
      startServer({ binaries, account, guardian, group, dataDir, logFile, address, signal });
    try {
      return { server: await restart(), group, restart };
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt === 5) throw error;
    }
  }
}

function runningNode(
  node: StartedNode,
  asked: Set<string>,
  again: (node: StartedNode) => Promise<void>,
): RunningNode {
  const { address } = node.server;
  const endAs = (mode: 'fast' | 'crash') => async () => {
    asked.add(address.name);
    await node.server.end(mode);
  };
  return {
    address,
    // Another process after each start.
    get cpu() {
      return node.group.cpuSource(node.server.pid);
    },
    stop: endAs('fast'),
    kill: endAs('crash'),
    start: () => again(node),
    pause: () => node.server.signal('SIGSTOP'),
    resume: () => node.server.signal('SIGCONT'),
  };
}
