/** Collects what a diagnosis needs: what nodes say, what their containers logged, what connecting gives. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Stack, serviceOf } from '../../topology/compose/stack.ts';
import { docker } from '../../topology/docker/engine.ts';
import { withoutSecrets } from '../../topology/log-tail.ts';
import { readLeaderMark } from '../actions/leader-mark.ts';
import { type AppView, answers, type ClusterView, type NodeView } from '../observe/observation.ts';
import { judgeLag, watchLag } from '../verify/lag.ts';
import type { Case, LagClue, NodeClues } from './problem.ts';

/** A standby tries to connect every 5 s: within this time it has said what is wrong now, and not before. */
const recentLog = '15s';
const throttleWindowMs = 1_000;

export async function gather(stack: Stack, view: ClusterView, signal: AbortSignal): Promise<Case> {
  const lag = await lagClues(view, signal);
  const [leaderMark, ...clues] = await Promise.all([
    readLeaderMark(stack, signal).catch(() => {
      // A node that ends right now; the next look reads it from another one.
      signal.throwIfAborted();
      return null;
    }),
    ...view.nodes.map(async (node): Promise<[string, NodeClues]> => {
      const high = lag.get(node.name)?.high === true;
      return [node.name, await nodeClues(stack, node, view, high, signal)];
    }),
    ...view.apps.map(async (app): Promise<[string, NodeClues]> => {
      // It says at its start which hosts it uses, so that may be far up.
      const log = looksWell(app)
        ? []
        : await logOf(app.container.containerId, ['--tail', '200'], stack.secrets, signal);
      return [app.name, { log, link: null, throttledShare: null }];
    }),
  ]);
  const { balancer } = stack;
  return {
    lag,
    leaderMark,
    clues: new Map(clues),
    network: stack.network,
    balancer: balancer && {
      state: balancer.state === 'running' ? (balancer.health ?? 'running') : balancer.state,
      healthy: balancer.state === 'running' && balancer.health !== 'unhealthy',
    },
  };
}

async function nodeClues(
  stack: Stack,
  node: NodeView,
  view: ClusterView,
  lagIsHigh: boolean,
  signal: AbortSignal,
): Promise<NodeClues> {
  const { container } = node;
  const id = container?.containerId ?? null;
  const isWell = node.name === view.primary || streams(node, view);
  if (id === null || (isWell && !lagIsHigh)) return { log: [], link: null, throttledShare: null };
  const running = container?.state === 'running';
  // What ends again and again says so seldom, and a stopped one no more.
  const since = running && answers(node) ? ['--since', recentLog] : ['--tail', '30'];
  return {
    log: await logOf(id, since, stack.secrets, signal),
    link:
      running && answers(node) && !isWell && view.primary !== null
        ? await tryLink(id, view.primary, stack.secrets, signal)
        : null,
    throttledShare: running && lagIsHigh ? await throttledShare(id, signal) : null,
  };
}

function looksWell({ container, replicaHosts, routing }: AppView): boolean {
  const isUp = container.state === 'running' && container.health !== 'unhealthy';
  return isUp && replicaHosts.length > 0 && routing !== 'primary-only';
}

function streams({ name }: NodeView, view: ClusterView): boolean {
  const primary = view.nodes.find((node) => node.name === view.primary);
  return (
    primary?.server?.senders.some((one) => one.applicationName === name && one.state === 'streaming') === true
  );
}

/** Lines of both outputs in the order in which the engine has them. */
async function logOf(
  id: string | null,
  limits: readonly string[],
  secrets: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (id === null) return [];
  const { stdout, stderr } = await docker(['logs', ...limits, id], { signal });
  return withoutSecrets(stdout + stderr, secrets)
    .split('\n')
    .filter(Boolean);
}

/** Connects as the node's walreceiver does, with the same role, password file and network. */
async function tryLink(
  id: string,
  primary: string,
  secrets: readonly string[],
  signal: AbortSignal,
): Promise<NodeClues['link']> {
  const script = `source /usr/local/lib/replibench/cluster.sh
    psql -XqAt "$(connection_to "$1") replication=true" -c IDENTIFY_SYSTEM 2>&1 >/dev/null || true`;
  const command = ['exec', '-u', 'postgres', id, 'bash', '-c', script, 'replibench', serviceOf(primary)];
  const { stdout } = await docker(command, { signal });
  // The reason is followed by hints, such as from which file the password came.
  const lines = withoutSecrets(stdout.trim(), secrets).split('\n');
  const said = (lines.find((line) => /FATAL|ERROR/.test(line)) ?? lines.at(-1) ?? '').trim();
  return { connects: said === '', said };
}

/** Share of quota periods in which the container was stopped, over a moment; null without a quota. */
async function throttledShare(id: string, signal: AbortSignal): Promise<number | null> {
  const read = async () => {
    const script = 'cat /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/cpu/cpu.stat 2>/dev/null || true';
    const { stdout } = await docker(['exec', id, 'sh', '-c', script], { signal });
    const count = (name: string) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(stdout)?.[1] ?? 0);
    return { periods: count('nr_periods'), throttled: count('nr_throttled') };
  };
  const before = await read();
  await sleep(throttleWindowMs, undefined, { signal });
  const after = await read();
  const periods = after.periods - before.periods;
  return periods === 0 ? null : (after.throttled - before.throttled) / periods;
}

/** Of the replicas that stream: any other one is judged by that it does not. */
async function lagClues(view: ClusterView, signal: AbortSignal): Promise<ReadonlyMap<string, LagClue>> {
  const primary = view.nodes.filter(answers).find(({ name }) => name === view.primary);
  if (primary === undefined) return new Map();
  const replicas = view.nodes.filter(answers).filter((node) => streams(node, view));
  const readings = await watchLag(
    primary.address,
    replicas.map(({ address }) => address),
    signal,
  );
  return new Map(
    replicas.map(({ name }) => {
      const { fine, sentence } = judgeLag(name, readings.get(name) ?? []);
      return [name, { high: !fine, sentence }];
    }),
  );
}
