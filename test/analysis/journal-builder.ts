import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { summarizeLatency } from '../../bench/analysis/latency.ts';
import type {
  Arm,
  EncodedHistogram,
  GeneratorHealth,
  JournalEntry,
  LoadResult,
  Operation,
  OperationClass,
  OperationResult,
  OutcomeCounts,
  Reading,
  RunPlan,
  Scenario,
  SliceKind,
} from '../../bench/model.ts';

/** How a pretended arm behaves; rates per second, times in ms, CPU in percent of the node's quota. */
export interface ArmBehaviour {
  readonly readQps: number;
  readonly writeQps: number;
  /** Median response time in the steady slices. */
  readonly readMs: number;
  readonly writeMs: number;
  /** CPU of the primary, then of each replica, in the steady slices. */
  readonly nodeCpuPercent: readonly number[];
  /** The same at read saturation. */
  readonly saturatedCpuPercent: readonly number[];
  readonly appCpuPercent: number;
  readonly lagMs: number;
  readonly errorShare: number;
}

export interface JournalOptions {
  readonly seed?: number;
  readonly blocks?: number;
  readonly sliceMs?: number;
  readonly baseline?: Partial<ArmBehaviour>;
  /** null = a run of the baseline alone. */
  readonly replicated?: Partial<ArmBehaviour> | null;
  readonly plan?: Partial<RunPlan>;
  readonly scenario?: Partial<Scenario>;
  readonly generator?: Partial<GeneratorHealth>;
  /**
   * In containers: three applications behind nginx with a redis, CPU quotas for each, memory measured, and
   * a cache that answers four reads of ten.
   */
  readonly containers?: boolean;
  /** CPU of other programs, in cores. */
  readonly foreignCores?: number;
  /** Standard deviation of the block effect that both arms share, and of each arm's own, as log. */
  readonly sharedNoise?: number;
  readonly ownNoise?: number;
}

export const baselineArm: Arm = {
  name: 'baseline',
  topology: 'embedded',
  replicas: 0,
  routing: 'primary-only',
};
export const replicatedArm: Arm = {
  name: 'replicated',
  topology: 'embedded',
  replicas: 2,
  routing: 'native',
};

const slow: ArmBehaviour = {
  readQps: 1000,
  writeQps: 400,
  readMs: 6,
  writeMs: 9,
  nodeCpuPercent: [62],
  saturatedCpuPercent: [97],
  appCpuPercent: 38,
  lagMs: 0,
  errorShare: 0,
};
const fast: ArmBehaviour = {
  readQps: 2100,
  writeQps: 395,
  readMs: 3,
  writeMs: 9,
  nodeCpuPercent: [24, 29, 30],
  saturatedCpuPercent: [31, 96, 95],
  appCpuPercent: 41,
  lagMs: 12,
  errorShare: 0,
};

const sampleEveryMs = 250;
const quotaCores = 0.25;
const hostCores = 2;
const steadyRateHz = 600;

/** Entries of a run that never happened: seeded, so the same options give the same journal. */
export function buildJournal(options: JournalOptions = {}): readonly JournalEntry[] {
  const { blocks = 6, sliceMs = 2000, seed = 1 } = options;
  const random = mulberry32(seed);
  const baseline = { ...slow, ...options.baseline };
  const replicated = options.replicated === null ? null : { ...fast, ...options.replicated };
  const arms = [
    { arm: baselineArm, behaviour: baseline },
    ...(replicated === null ? [] : [{ arm: replicatedArm, behaviour: replicated }]),
  ];
  const order = Array.from({ length: blocks }, () => {
    const names = arms.map(({ arm }) => arm.name);
    return random() < 0.5 ? names : names.toReversed();
  });
  const plan = buildPlan(options, order);
  const entries: JournalEntry[] = [{ type: 'plan', atMs: 0, plan }];
  const world = createWorld(plan, options.foreignCores ?? 0.02, options.containers ?? false);
  entries.push({ type: 'step', atMs: 900, name: 'initdb', durationMs: 850.4 });
  entries.push({ type: 'step', atMs: 2600, name: 'replicas streaming', durationMs: 1210.7 });
  entries.push({ type: 'calibration', atMs: 5000, capacityHz: 1000, steadyRateHz });
  let nowMs = 6000;
  order.forEach((names, index) => {
    const shared = Math.exp(gaussian(random) * (options.sharedNoise ?? 0.1));
    for (const name of names) {
      const found = arms.find(({ arm }) => arm.name === name);
      if (found === undefined) continue;
      const own = Math.exp(gaussian(random) * (options.ownNoise ?? 0.02));
      for (const kind of ['warm-up', 'steady', 'read-saturation', 'write-saturation'] as const) {
        const slice = { ...found, block: index + 1, kind, pace: shared * own, sliceMs };
        entries.push(...buildSlice(slice, nowMs, options, world));
        nowMs += sliceMs + 600;
      }
    }
  });
  entries.push({ type: 'end', atMs: nowMs, outcome: 'completed' });
  return entries;
}

/** A histogram of the given values, in microseconds. */
export function encodeHistogram(microseconds: Iterable<number>): EncodedHistogram {
  const histogram = build({ numberOfSignificantValueDigits: 3 });
  for (const value of microseconds) histogram.recordValue(Math.round(value));
  return encodeIntoCompressedBase64(histogram);
}

/** An operation's result with every number given or plain. */
export function buildOperation(options: Partial<OperationResult> = {}): OperationResult {
  const latency = encodeHistogram(Array.from({ length: 200 }, (_, index) => 4000 + index * 10));
  return {
    name: 'agent',
    class: 'read',
    loop: 'open',
    outcomes: countOutcomes({ ok: 200 }),
    inTime: {
      ok: options.outcomes?.ok ?? 200,
      'http-error': options.outcomes?.['http-error'] ?? 0,
    },
    statuses: { 200: 200 },
    servedBy: { primary: 200 },
    serviceTime: latency,
    responseTime: latency,
    scheduleLag: encodeHistogram(Array.from({ length: 200 }, () => 300)),
    ...options,
  };
}

export function countOutcomes(counts: Partial<OutcomeCounts>): OutcomeCounts {
  return {
    ok: 0,
    'http-error': 0,
    timeout: 0,
    'connection-error': 0,
    unsent: 0,
    'in-flight-at-end': 0,
    ...counts,
  };
}

export function buildLoad(options: Partial<LoadResult> = {}): LoadResult {
  return {
    startedAtMs: 0,
    durationMs: 2000,
    drainedMs: 5,
    operations: [buildOperation()],
    generator: calmGenerator,
    ...options,
  };
}

export const calmGenerator: GeneratorHealth = {
  cpuMs: 240,
  cpuPercent: 12,
  eventLoopDelayP99Ms: 1.8,
  eventLoopDelayMaxMs: 6,
  gcMs: 4,
  gcMaxMs: 1.2,
  rssBytes: 90_000_000,
};

interface SliceToBuild {
  readonly arm: Arm;
  readonly behaviour: ArmBehaviour;
  readonly block: number;
  readonly kind: SliceKind;
  readonly pace: number;
  readonly sliceMs: number;
}

function buildSlice(
  slice: SliceToBuild,
  announcedAtMs: number,
  options: JournalOptions,
  world: World,
): readonly JournalEntry[] {
  const { arm, block, kind, sliceMs } = slice;
  const startedAtMs = announcedAtMs + 50;
  const where = { arm: arm.name, block, kind, offeredRateHz: kind === 'warm-up' ? null : openRate(kind) };
  const endMs = startedAtMs + sliceMs;
  const readings: JournalEntry[] = [];
  const made = buildOperations(slice, options.containers === true ? 0.4 : 0);
  for (let atMs = announcedAtMs; atMs <= endMs + 300; atMs += sampleEveryMs) {
    // During the drain after the schedule's end nothing works: readings from there must not count.
    readings.push({ type: 'readings', readings: world.sample(atMs, slice, atMs > endMs) });
    const sinceMs = atMs + sampleEveryMs - startedAtMs;
    if (sinceMs % 1000 < sampleEveryMs && sinceMs >= 1000)
      readings.push(buildProgress(made, startedAtMs + Math.floor(sinceMs / 1000) * 1000, sliceMs));
  }
  const load: LoadResult = {
    startedAtMs,
    durationMs: sliceMs,
    drainedMs: 6,
    operations: made,
    generator: { ...calmGenerator, ...options.generator },
  };
  return [
    { type: 'slice-start', atMs: announcedAtMs, ...where },
    ...readings,
    { type: 'slice-end', atMs: endMs + 310, ...where, load },
  ];
}

/** One second of a slice in which every second is alike. */
function buildProgress(made: readonly OperationResult[], atMs: number, sliceMs: number): JournalEntry {
  const interval = (name: OperationClass) => {
    const own = made.filter((operation) => operation.class === name);
    const { count, p95Ms } = summarizeLatency(own.map((operation) => operation.responseTime));
    return { count: Math.round((count * 1000) / sliceMs), p95Ms };
  };
  const progress = { atMs, due: 0, completed: 0, inFlight: 0, waiting: 0 };
  return { type: 'progress', ...progress, interval: { read: interval('read'), write: interval('write') } };
}

function openRate(kind: SliceKind): number {
  return { 'read-saturation': 0.1, 'write-saturation': 0.9 }[kind as string] === undefined
    ? steadyRateHz
    : steadyRateHz * (kind === 'read-saturation' ? 0.1 : 0.9);
}

function buildOperations(
  { behaviour, kind, pace, sliceMs, arm }: SliceToBuild,
  cachedShare: number,
): readonly OperationResult[] {
  const seconds = sliceMs / 1000;
  return operations.map((operation) => {
    const isRead = operation.class === 'read';
    const closed = kind === (isRead ? 'read-saturation' : 'write-saturation') || kind === 'warm-up';
    const saturated = (isRead ? behaviour.readQps : behaviour.writeQps) * pace;
    const rate = closed ? saturated : steadyRateHz * (isRead ? 0.9 : 0.1);
    const due = Math.round((rate * seconds * operation.weight) / 4);
    const errors = Math.round(due * behaviour.errorShare);
    const medianMs = (isRead ? behaviour.readMs : behaviour.writeMs) / pace;
    const latency = spread(due, medianMs * (operation.weight === 1 ? 2 : 1));
    return {
      name: operation.name,
      class: operation.class,
      loop: closed ? 'closed' : 'open',
      outcomes: countOutcomes({ ok: due - errors, 'http-error': errors }),
      inTime: { ok: due - errors, 'http-error': errors },
      statuses: errors === 0 ? { 200: due } : { 200: due - errors, 503: errors },
      servedBy: isRead ? serveReads(due, arm.replicas, cachedShare) : { primary: due },
      serviceTime: latency,
      responseTime: latency,
      scheduleLag: spread(closed ? 0 : due, 0.2),
    };
  });
}

function serveReads(all: number, replicas: number, cachedShare: number): Readonly<Record<string, number>> {
  const cache = Math.round(all * cachedShare);
  if (cache > 0) return { ...serveReads(all - cache, replicas, 0), cache };
  const count = all;
  if (replicas === 0) return { primary: count };
  const each = Math.floor(count / replicas);
  return Object.fromEntries(
    Array.from({ length: replicas }, (_, index) => [
      `replica${index + 1}`,
      index === 0 ? count - each * (replicas - 1) : each,
    ]),
  );
}

/** `count` values around the median, the P95 at about 2.3 times of it. */
function spread(count: number, medianMs: number): EncodedHistogram {
  const histogram = build({ numberOfSignificantValueDigits: 3 });
  const steps = Math.min(count, 100);
  for (let step = 0; step < steps; step += 1) {
    const share = (step + 0.5) / steps;
    const size = Math.floor(((step + 1) * count) / steps) - Math.floor((step * count) / steps);
    const valueMs = medianMs * Math.exp(0.5 * Math.log(share / (1 - share)) * 0.58);
    histogram.recordValueWithCount(Math.round(valueMs * 1000), size);
  }
  return encodeIntoCompressedBase64(histogram);
}

interface World {
  sample(atMs: number, slice: SliceToBuild, idle: boolean): readonly Reading[];
}

/** Counters that go on for the whole run, as those of a kernel do. */
function createWorld(plan: RunPlan, foreignCores: number, containers: boolean): World {
  const counters = new Map<string, number>();
  let previousMs = 0;
  const count = (key: string, by: number): number => {
    const value = (counters.get(key) ?? 1000) + by;
    counters.set(key, value);
    return value;
  };
  return {
    sample(atMs, { arm, behaviour, kind }, idle) {
      const elapsedMs = atMs - previousMs;
      previousMs = atMs;
      const percents =
        kind === 'steady'
          ? behaviour.nodeCpuPercent
          : kind === 'write-saturation'
            ? [98, ...behaviour.nodeCpuPercent.slice(1).map(() => 40)]
            : behaviour.saturatedCpuPercent;
      const nodes = ['primary', ...Array.from({ length: arm.replicas }, (_, index) => `replica${index + 1}`)];
      const cores = nodes.map((_, index) =>
        idle ? 0 : ((percents[index] ?? 0) / 100) * (plan.nodeCpus ?? quotaCores),
      );
      const appCores = idle ? 0 : behaviour.appCpuPercent / 100;
      // Four parts of the work in each of app1 and app2, two in app3.
      const instances: readonly (readonly [string, number])[] = containers
        ? [
            ['app1', 0.4],
            ['app2', 0.4],
            ['app3', 0.2],
          ]
        : [['app', 1]];
      const cpu = (subject: string, used: number, quota: boolean): Reading => ({
        atMs,
        probe: 'cpu',
        subject,
        values: {
          cpuMs: count(`${subject} cpu`, used * elapsedMs),
          ...(quota
            ? {
                throttledMs: count(`${subject} throttled`, used > 0.22 ? 0.4 * elapsedMs : 0),
                periods: count(`${subject} periods`, elapsedMs / 10),
                throttledPeriods: count(`${subject} throttledPeriods`, used > 0.22 ? elapsedMs / 20 : 0),
              }
            : {}),
        },
      });
      const busyCores =
        cores.reduce((sum, used) => sum + used, 0) +
        appCores +
        0.12 +
        0.02 +
        foreignCores +
        (containers ? 0.08 : 0);
      return [
        ...nodes.map((name, index) => cpu(name, cores[index] ?? 0, plan.nodeCpus !== null)),
        ...instances.map(([name, share]) => withQuota(cpu(name, appCores * share, containers), 0.5)),
        ...(containers ? [cpu('redis', 0.03, false), withQuota(cpu('nginx', 0.05, true), 0.2)] : []),
        ...(containers
          ? [...nodes, ...instances.map(([name]) => name), 'nginx', 'redis'].map((subject, index) => ({
              atMs,
              probe: 'memory',
              subject,
              values: {
                // 0, 1, 2, 3 MiB more in turns.
                memoryBytes: (100 + 10 * index + ((atMs / sampleEveryMs) % 4)) * 2 ** 20,
                ...(subject !== 'redis' && { limitBytes: 256 * 2 ** 20 }),
              },
            }))
          : []),
        cpu('generator', 0.12, false),
        cpu('harness', 0.02, false),
        ...nodes.slice(1).map((name, index) => ({
          atMs,
          probe: 'lag',
          subject: name,
          values: {
            lagMs: behaviour.lagMs * (1 + ((atMs / sampleEveryMs + index) % 5) / 10),
            lagLowerMs: 0,
            lagBytes: 4096 + index,
          },
        })),
        {
          atMs,
          probe: 'postgres',
          subject: 'primary',
          values: { walBytes: count('wal', idle ? 0 : elapsedMs * 100) },
        },
        ...nodes.slice(1).map((name) => ({
          atMs,
          probe: 'postgres',
          subject: name,
          values: { viewReplayLagMs: behaviour.lagMs * 0.9, conflicts: 0 },
        })),
        {
          atMs,
          probe: 'host',
          subject: 'host',
          values: {
            busyMs: count('busy', Math.min(hostCores, busyCores) * elapsedMs),
            idleMs: count('idle', Math.max(0, hostCores - busyCores) * elapsedMs),
            stealMs: count('steal', 0),
            iowaitMs: count('iowait', 0),
            pressureCpuSomeMs: count('pressure', 0.05 * elapsedMs),
            loadAverage1: 1.2,
            cores: hostCores,
          },
        },
        ...instances.map(([subject], index) => ({
          atMs,
          probe: 'app',
          subject,
          values: {
            eventLoopDelayP99Ms: 12 + index,
            gcMs: count(`${subject} gc`, 0.01 * elapsedMs),
            poolWaiting: 3,
            poolInUse: 10,
            ...(containers && {
              cacheHits: count(`${subject} hits`, elapsedMs * (4 + index)),
              cacheMisses: count(`${subject} misses`, elapsedMs * 4),
              cacheErrors: count(`${subject} errors`, 0),
            }),
          },
        })),
      ];
    },
  };
}

function withQuota(reading: Reading, quotaCores: number): Reading {
  return 'periods' in reading.values ? { ...reading, values: { ...reading.values, quotaCores } } : reading;
}

const operations: readonly Operation[] = [
  { name: 'agent', class: 'read', weight: 3, method: 'GET', path: '/agents/{agentId}' },
  { name: 'dashboard', class: 'read', weight: 1, method: 'GET', path: '/teams/{teamId}/dashboard' },
  { name: 'create-contact', class: 'write', weight: 4, method: 'POST', path: '/contacts' },
];

function buildPlan(options: JournalOptions, order: RunPlan['order']): RunPlan {
  return {
    schemaVersion: 1,
    runId: '20260102T030405Z-read-heavy-0001',
    startedAt: '2026-01-02T03:04:05.000Z',
    command: 'npx replibench compare --scenario read-heavy --seed 1',
    seed: options.seed ?? 1,
    scenario: {
      name: 'read-heavy',
      description: 'A contact centre at midday: agents look things up far more often than they write.',
      readShare: 0.9,
      operations,
      keys: {
        agentId: { kind: 'zipf', min: 1, max: 50_000, exponent: 0.99 },
        teamId: { kind: 'uniform', min: 1, max: 500 },
      },
      data: { seed: 7, users: 50_000, teams: 500, contacts: 20_000, interactions: 200_000 },
      load: { arrivals: 'poisson', steadyShare: 0.6, saturationConnections: 32, timeoutMs: 5000 },
      defaults: { blocks: 6, sliceSeconds: 4 },
      objectives: [{ metric: 'errors.ratio', max: 0.01 }],
      ...options.scenario,
    },
    arms: options.replicated === null ? [baselineArm] : [baselineArm, replicatedArm],
    blocks: order.length,
    sliceSeconds: (options.sliceMs ?? 2000) / 1000,
    order,
    nodeCpus: quotaCores,
    limitMethod: 'cgroup-v1',
    interleaved: true,
    application: 'the sample application',
    fingerprint: {
      cpuModel: 'Pretended CPU @ 2.00GHz',
      cores: hostCores,
      memoryBytes: 8 * 2 ** 30,
      kernel: 'Linux 6.1.0',
      platform: 'linux-x64',
      node: 'v24.0.0',
      postgres: '17.10',
      postgresSettings: { wal_level: 'replica', max_wal_senders: '10' },
      gitCommit: '0123456789abcdef0123456789abcdef01234567',
      gitDirty: false,
      harnessVersion: '0.1.0',
      fsyncMs: 0.42,
    },
    ...options.plan,
  };
}

/** A small seeded generator of numbers in [0, 1). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A standard normal value, by Box and Muller. */
export function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
