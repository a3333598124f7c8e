/** One arm that is up: how it is loaded, observed and recorded. */

import { createDrill, linksOf } from '../faults/drill.ts';
import type { Links } from '../faults/links.ts';
import {
  type Arm,
  EnvironmentError,
  type LoadResult,
  type NodeAddress,
  type Scenario,
  type SliceKind,
} from '../model.ts';
import { Cleanup } from '../topology/cleanup.ts';
import type {
  ApplicationRun,
  Emit,
  ExperimentPorts,
  RecordEntry,
  RunningProbes,
  TopologyRun,
} from './ports.ts';
import { offeredRateHz, planSlice } from './slices.ts';

export interface VisitContext {
  readonly ports: ExperimentPorts;
  readonly scenario: Scenario;
  readonly runSeed: number;
  readonly record: RecordEntry;
  /** Puts everything recorded on disk; called after each slice. */
  readonly flush: () => Promise<void>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Another number for each slice of the run: it keeps their `unique` keys apart. */
  readonly nextSliceIndex: () => number;
}

export interface VisitSlice {
  readonly kind: SliceKind;
  readonly seconds: number;
  readonly steadyRateHz: number;
  /** Counted from 1, of a slice that is measured in parts. */
  readonly part?: number;
  /** Of a warm-up, which is at full speed otherwise. */
  readonly pace?: 'steady';
}

/** Longest time a replica may need to replay what a slice left behind. */
const catchUpTimeoutMs = 60_000;

/** An arm that is up. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  /** As soon as replicas have caught up. */
  load(block: number, slice: VisitSlice): Promise<LoadResult>;
  /** The same without what the start left behind, and with quotas where they hold. */
  measure(block: number, slice: VisitSlice): Promise<LoadResult>;
}

/** Quotas are on from the first slice that asks for them. */
export async function openContender(
  context: VisitContext,
  arm: Arm,
  hasQuotas: (kind: SliceKind) => boolean,
): Promise<Contender> {
  const { ports, signal } = context;
  const stack = new Cleanup();
  try {
    const cluster = stack.use(await ports.topology.start(arm, signal));
    // The topology tells whoever watches by itself; the journal must know, too.
    for (const step of cluster.steps) context.record({ type: 'step', atMs: ports.clock(), ...step });
    const addresses = cluster.nodes.map((node) => node.address);
    await recordSettings(context, addresses[0]);
    const links = await openLinks(context, addresses);
    if (links !== null) stack.use(links);
    const begun = ports.clock();
    const entries = addresses.map((address) => through(address, links));
    const application = stack.use(await ports.application.start(arm, entries, signal));
    recordStep(context, 'application', ports.clock() - begun);
    // Readings of an arm that is not loaded now belong to no slice of its own.
    const state = { loaded: false, limited: false };
    const probes = stack.use(startProbes(context, cluster, application, links, () => state.loaded));
    const load = async (block: number, slice: VisitSlice): Promise<LoadResult> => {
      // Replicas catch up before each slice, so that no slice pays for the one before it.
      await cluster.waitUntilCaughtUp(catchUpTimeoutMs, signal);
      state.loaded = true;
      try {
        return await measureSlice(context, { cluster, application, probes, links }, arm, block, slice);
      } finally {
        state.loaded = false;
      }
    };
    return {
      name: arm.name,
      load,
      async measure(block, slice) {
        // Connections, plans and caches come to be at full speed: under the quota that alone would take
        // longer than a slice. So a quota holds from the first measured slice that has one.
        await cluster.settled();
        if (!state.limited && hasQuotas(slice.kind)) {
          await cluster.enforceLimits();
          state.limited = true;
        }
        return load(block, slice);
      },
      [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
    };
  } catch (error) {
    throw await stack.after(error);
  }
}

function startProbes(
  context: VisitContext,
  cluster: TopologyRun,
  application: ApplicationRun,
  links: Links | null,
  isLoaded: () => boolean,
): RunningProbes {
  const reported = new Set<string>();
  return context.ports.startProbes({
    nodes: cluster.nodes,
    application,
    generatorPid: context.ports.generator.pid,
    linksPid: links?.pid,
    isWanted: isLoaded,
    onReadings: (readings) => {
      if (!isLoaded()) return;
      context.record({ type: 'readings', readings });
      for (const { subject, values } of readings) {
        if (values['lagMs'] !== undefined)
          context.emit({ kind: 'lag', node: subject, lagMs: values['lagMs'] });
      }
    },
    onError: (probe, error) => {
      // Once a visit: a probe of a dead node fails at every tick.
      if (reported.has(probe)) return;
      reported.add(probe);
      const message = `probe ${probe} failed: ${error instanceof Error ? error.message : String(error)}`;
      const finding = { severity: 'warning', id: 'probe-failed', message } as const;
      context.record({ type: 'finding', atMs: context.ports.clock(), finding });
      context.emit({ kind: 'finding', finding });
    },
    signal: context.signal,
  });
}

interface Running {
  readonly cluster: TopologyRun;
  readonly application: ApplicationRun;
  readonly probes: RunningProbes;
  readonly links: Links | null;
}

/** Links for the faults that the scenario has; the log of replicas goes through theirs from now on. */
async function openLinks(context: VisitContext, nodes: readonly NodeAddress[]): Promise<Links | null> {
  const { ports, scenario } = context;
  const [primary] = nodes;
  const names = linksOf(scenario.faults ?? [], nodes);
  if (names.length === 0 || primary === undefined) return null;
  if (ports.startLinks === undefined || ports.streamFrom === undefined)
    throw new Error('links are asked for, and nobody makes them');
  const targetOf = (name: string): NodeAddress | undefined => {
    const [kind, node] = name.split(':');
    return kind === 'wal' ? primary : nodes.find((each) => each.name === node);
  };
  const links = await ports.startLinks(
    Object.fromEntries(
      names.flatMap((name) => {
        const target = targetOf(name);
        return target === undefined ? [] : [[name, { host: target.host, port: target.port }]];
      }),
    ),
  );
  try {
    for (const node of nodes) {
      const port = links.ports[`wal:${node.name}`];
      if (port !== undefined) await ports.streamFrom(node, { port });
    }
    return links;
  } catch (error) {
    await links[Symbol.asyncDispose]();
    throw error;
  }
}

/** Where the application finds a node. */
function through(address: NodeAddress, links: Links | null): NodeAddress {
  const port = links?.ports[`app:${address.name}`];
  return port === undefined ? address : { ...address, host: '127.0.0.1', port };
}

async function measureSlice(
  context: VisitContext,
  running: Running,
  arm: Arm,
  block: number,
  slice: VisitSlice,
): Promise<LoadResult> {
  const { ports, record, emit } = context;
  const { kind, seconds, part } = slice;
  const baseUrl = running.application.baseUrl;
  const { scenario, runSeed } = context;
  const sliceIndex = context.nextSliceIndex();
  const plan = planSlice({ ...slice, scenario, baseUrl, runSeed, block, sliceIndex });
  const rate = offeredRateHz(plan);
  const where = { arm: arm.name, block, kind, ...(part === undefined ? {} : { part }) } as const;
  emit({ kind: 'slice', arm: arm.name, block, slice: kind, seconds });
  record({ type: 'slice-start', atMs: ports.clock(), ...where, offeredRateHz: rate });
  const drill = createDrill({
    faults: kind === 'steady' && slice.pace === undefined ? (scenario.faults ?? []) : [],
    nodes: running.cluster.nodes,
    links: running.links,
    seconds,
    onChange: (change) => record({ type: 'fault', atMs: ports.clock(), ...change }),
  });
  await running.probes.sampleNow();

  // The generator is stopped, and waited for, before the reason is thrown: it must not go on
  // sending into the next visit.
  const stop = new AbortController();
  const prepared = drill.prepare();
  const load = prepared.then(() =>
    ports.generator.run(plan, {
      signal: AbortSignal.any([context.signal, stop.signal]),
      onProgress: (progress) => {
        record({ type: 'progress', ...progress });
        emit({ kind: 'progress', progress });
      },
    }),
  );
  // Rejects when a fault cannot be made; else it lasts until the drill is ended.
  const drilled = prepared.then(() => drill.run()).then(() => load);
  try {
    const result = await Promise.race([load, firstLoss(ports, running), drilled]).catch(async (error) => {
      stop.abort();
      await load.catch(() => undefined);
      await drill.end().catch(() => undefined);
      const reason = error instanceof Error ? error.message : String(error);
      record({ type: 'slice-failed', atMs: ports.clock(), ...where, reason });
      throw error;
    });
    // What stays broken must not lose what was measured while it was.
    const [mended] = await Promise.allSettled([drill.end()]);
    await running.probes.sampleNow();
    record({ type: 'slice-end', atMs: ports.clock(), ...where, offeredRateHz: rate, load: result });
    if (mended.status === 'rejected') throw mended.reason;
    return result;
  } finally {
    await context.flush();
  }
}

/** Rejects when anything that a slice depends on has ended by itself. */
async function firstLoss(ports: ExperimentPorts, running: Running): Promise<never> {
  const reason = await Promise.race([
    ...(running.links === null
      ? []
      : [running.links.lost.then(() => 'the process of the network links ended')]),
    running.cluster.lost.then(({ node, reason }) => `${node} stopped during the measurement: ${reason}`),
    running.application.lost.then(
      ({ reason }) => `the application stopped during the measurement: ${reason}`,
    ),
    ports.generator.lost.then(({ reason }) => `the load generator stopped: ${reason}`),
  ]);
  throw new EnvironmentError(reason);
}

async function recordSettings(context: VisitContext, primary: NodeAddress | undefined): Promise<void> {
  if (primary === undefined) throw new Error('a cluster without nodes cannot be measured');
  const settings = await context.ports.describeServer(primary);
  context.record({ type: 'postgres-settings', atMs: context.ports.clock(), settings });
}

function recordStep(context: VisitContext, name: string, durationMs: number): void {
  context.record({ type: 'step', atMs: context.ports.clock(), name, durationMs });
  context.emit({ kind: 'step', step: { name, durationMs } });
}
