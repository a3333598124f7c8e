/** One visit's stack: its nodes first, then the application tier that makes the data and serves it. */
import { join } from 'node:path';
import { type CpuSource, EnvironmentError, type MemorySource, type NodeAddress } from '../../model.ts';
import { Cleanup } from '../cleanup.ts';
import {
  type InspectedContainer,
  inspectContainers,
  lastWords,
  limitCpu,
  publishedPort,
} from '../docker/container.ts';
import { containerSources } from '../docker/container-sources.ts';
import { docker } from '../docker/engine.ts';
import { engineCpu } from '../docker/engine-cpu.ts';
import { projectLabel } from '../docker/leftovers.ts';
import { waitForAnswer, withClient } from '../postgres/connect.ts';
import { waitUntilCaughtUp, waitUntilStreaming } from '../postgres/replication.ts';
import { vacuum } from '../postgres/template-state.ts';
import { waitUntilReady } from '../ready.ts';
import { timer } from '../timed.ts';
import type { Loss, RunningNode, RunningTopology, Step } from '../topology.ts';
import { randomPasswords, type StackPasswords, stackEnvironment } from './measured-environment.ts';
import { composeFileOf, removeProject, type StackContext } from './measured-project.ts';
import { applicationServices, helperServices, nodeServices } from './override.ts';

export interface MeasuredStack {
  readonly nodes: readonly StackNode[];
  readonly secrets: readonly string[];
  readonly asked: Set<string>;
  readonly up: (services: readonly string[], signal: AbortSignal) => Promise<void>;
}

interface StackNode {
  readonly id: string;
  readonly address: NodeAddress;
  readonly container: InspectedContainer;
}

/** One container of the application tier, with the engine itself as the last part. */
export interface StackPart {
  readonly name: string;
  readonly cpu: CpuSource;
  readonly memory?: MemorySource;
  /** Of an application instance: where it answers, past the balancer. */
  readonly url?: string;
}

export interface ComposeApplication extends AsyncDisposable {
  readonly baseUrl: string;
  readonly parts: readonly StackPart[];
  readonly lost: Promise<Loss>;
}

const streamingTimeoutMs = 120_000;
const waitTimeoutSeconds = 300;

/** Throws EnvironmentError with what the node said last; leaves nothing of the stack behind then. */
export async function startStackNodes(
  context: StackContext,
  replicas: number,
  signal: AbortSignal,
): Promise<{ readonly topology: RunningTopology; readonly stack: MeasuredStack }> {
  const { guardian, deaths, nodeCpus } = context;
  const passwords = randomPasswords();
  const steps: Step[] = [];
  const timed = timer(steps, context.onStep);
  const cleanup = new Cleanup();
  const asked = new Set<string>();
  const services = nodeServices(replicas);
  const secrets = Object.values(passwords);
  const up = composeUp(context, replicas, passwords);
  try {
    cleanup.add(() => removeProject(guardian.runName, 1));
    await timed('start nodes', () => up(services, signal));
    const nodes = await describeNodes(guardian.runName, services, passwords);
    const [primary, ...standbys] = nodes.map(({ address }) => address);
    if (primary === undefined) throw new EnvironmentError('the stack has no primary');
    for (const { address } of nodes) await waitForAnswer(address, signal);
    const lost = Promise.race(
      nodes.map(async ({ id, address }): Promise<Loss> => {
        const how = await deaths.of(id);
        if (asked.has(address.name)) return new Promise<never>(() => undefined);
        return {
          node: address.name,
          reason: `${address.name} ended (${how})${await lastWords(id, secrets)}`,
        };
      }),
    );
    await timed('wait for streaming', () =>
      waitUntilStreaming(primary, standbys, streamingTimeoutMs, signal),
    );
    const topology: RunningTopology = {
      nodes: nodes.map((node) => runningNode(node, asked)),
      steps,
      lost,
      waitUntilCaughtUp: (timeoutMs, waitSignal) =>
        waitUntilCaughtUp(primary, standbys, timeoutMs, waitSignal),
      settled: async () => undefined,
      async enforceLimits() {
        await Promise.all(nodes.map(({ id }) => limitCpu(id, nodeCpus)));
      },
      async [Symbol.asyncDispose]() {
        for (const { address } of nodes) asked.add(address.name);
        asked.add('app');
        await cleanup[Symbol.asyncDispose]();
      },
    };
    return { topology, stack: { nodes, secrets, asked, up } };
  } catch (error) {
    throw await cleanup.after(error);
  }
}

/** Brings up the application tier, which fills the empty database; its end is that of the stack. */
export async function startStackApplication(
  { guardian, deaths }: StackContext,
  stack: MeasuredStack,
  options: { readonly readyPath: string; readonly readyTimeoutMs: number; readonly signal: AbortSignal },
): Promise<ComposeApplication> {
  const { signal } = options;
  await stack.up(['nginx'], signal);
  const found = await inspectServices(guardian.runName);
  const containers = [...applicationServices, ...helperServices].map((name) => ({
    name,
    container: containerOf(found, name),
  }));
  const [balancer] = containers.filter(({ name }) => name === 'nginx');
  if (balancer === undefined) throw new EnvironmentError('the stack has no nginx');
  const baseUrl = `http://127.0.0.1:${publishedPort(balancer.container, 8080)}`;
  const death = Promise.race(
    containers.map(async ({ name, container }) => ({ name, container, how: await deaths.of(container.Id) })),
  );
  await waitUntilReady({
    url: baseUrl + options.readyPath,
    timeoutMs: options.readyTimeoutMs,
    ended: death.then(({ name, how }) => `${name}: ${how}`),
    lastWords: async () => '',
    signal,
  });
  await settle(stack);
  const lost = death.then(async ({ name, container, how }): Promise<Loss> => {
    if (stack.asked.has('app')) return new Promise<never>(() => undefined);
    return { node: name, reason: `${name} ended (${how})${await lastWords(container.Id, stack.secrets)}` };
  });
  const parts = containers.map(({ name, container }): StackPart => {
    const sources = containerSources(container.Id, container.State.Pid);
    const instance = applicationServices.some((one) => one === name);
    return {
      ...{ name, ...sources },
      ...(instance && { url: `http://127.0.0.1:${publishedPort(container, 3000)}` }),
    };
  });
  return {
    baseUrl,
    parts: [...parts, { name: 'docker', cpu: engineCpu() }],
    lost,
    [Symbol.asyncDispose]: async () => void stack.asked.add('app'),
  };
}

/** As in a database that has been in use, and with nothing left to write: what a copied template gives elsewhere. */
async function settle({ nodes }: MeasuredStack): Promise<void> {
  const primary = nodes[0]?.address;
  if (primary === undefined) return;
  await vacuum(primary);
  await withClient(primary, (client) => client.query('CHECKPOINT'));
}

function composeUp(context: StackContext, replicas: number, passwords: StackPasswords): MeasuredStack['up'] {
  const { guardian, folder, overrideFolder, data } = context;
  const env = { ...stackEnvironment(process.env, passwords, data), ...guardian.environment };
  const files = [
    join(folder, composeFileOf(replicas)),
    join(overrideFolder, `override-${replicas === 0 ? 0 : 2}.yml`),
  ];
  // Without an env file Compose would read the .env of the folder, which is somebody's stack.
  const compose = [
    ...['compose', '-p', guardian.runName, '--project-directory', folder, '--env-file', '/dev/null'],
    ...['--progress', 'quiet', ...files.flatMap((file) => ['-f', file])],
  ];
  return async (services, signal) => {
    try {
      const wait = ['--wait', '--wait-timeout', `${waitTimeoutSeconds}`];
      await docker([...compose, 'up', '--detach', ...wait, ...services], { env, signal, cwd: folder });
    } catch (cause) {
      signal.throwIfAborted();
      throw new EnvironmentError(await whyNotUp(guardian.runName, cause, Object.values(passwords)), {
        cause,
      });
    }
  };
}

/** Compose names the container that is not healthy; why it is not, its own output tells. */
async function whyNotUp(runName: string, cause: unknown, secrets: readonly string[]): Promise<string> {
  const message = cause instanceof Error ? cause.message : String(cause);
  const containers = await inspectServices(runName).catch(() => []);
  const unwell = containers.find(
    ({ State, Config }) => !State.Running || message.includes(Config.Labels[serviceLabel] ?? '?'),
  );
  const words = unwell === undefined ? '' : await lastWords(unwell.Id, secrets);
  return `the compose stack did not come up: ${message}${words}`;
}

async function describeNodes(
  runName: string,
  services: readonly string[],
  passwords: StackPasswords,
): Promise<readonly StackNode[]> {
  const found = await inspectServices(runName);
  return services.map((service) => {
    const container = containerOf(found, service);
    const name = service.replace('postgres-', '');
    const address: NodeAddress = {
      name,
      role: name === 'primary' ? 'primary' : 'replica',
      host: '127.0.0.1',
      port: publishedPort(container, 5432),
      // The stack's defaults: none of its variables reaches it from outside.
      ...{ database: 'app', user: 'postgres', password: passwords.POSTGRES_PASSWORD },
    };
    return { id: container.Id, address, container };
  });
}

const serviceLabel = 'com.docker.compose.service';

async function inspectServices(runName: string): Promise<readonly InspectedContainer[]> {
  const filter = `label=${projectLabel}=${runName}`;
  const { stdout } = await docker(['ps', '-aq', '--no-trunc', '--filter', filter]);
  return inspectContainers(stdout.split('\n').filter(Boolean));
}

function containerOf(found: readonly InspectedContainer[], service: string): InspectedContainer {
  const container = found.find(({ Config }) => Config.Labels[serviceLabel] === service);
  if (container === undefined) throw new EnvironmentError(`the stack has no container of ${service}`);
  return container;
}

function runningNode({ id, address, container }: StackNode, asked: Set<string>): RunningNode {
  const tell = async (...args: readonly string[]) => void (await docker([...args, id]));
  return {
    address,
    ...containerSources(id, container.State.Pid),
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
