import type { ArmResult, MetricId, MetricValue } from '../../../bench/model.ts';
import { baselineArm, gaussian, mulberry32 } from '../journal-builder.ts';

/**
 * A machine on which two arms are measured block by block. Sizes are standard deviations of logarithms unless
 * said otherwise. For comparison: on a shared virtual machine of two cores the log-ratios of 234 blocks of equal builds
 * spread by 4.7 % (CPU per request), 7.0 % (QPS), 12.2 % (P95 read) and 16.7 % (P95 write); every one of them is in
 * reports/gate-self-test/blocks.ndjson.
 */
export interface Machine {
  /** Of a block's log-ratio in a metric, launch effects included. */
  readonly ratio: Readonly<Record<GatedId, number>>;
  /** How the whole machine's speed moves from block to block: both arms have it. */
  readonly betweenBlocks: number;
  /** How it moves from the first arm of a block to the second, and how much slower the second always is. */
  readonly withinBlock: number;
  readonly secondArm: number;
  /** A fresh process settles in a slower way one time in five, by this much in everything. */
  readonly slowLaunch: number;
  /** How often a visit is hit by somebody else's burst, and how hard: half a normal distribution. */
  readonly burstShare: number;
  readonly burst: number;
}

const gatedIds = ['app.cpuMsPerRequest', 'read.qps', 'read.p95Ms', 'write.p95Ms'] as const;
export type GatedId = (typeof gatedIds)[number];

const ratioOfShared = {
  'app.cpuMsPerRequest': 0.03,
  'read.qps': 0.05,
  'read.p95Ms': 0.08,
  'write.p95Ms': 0.1,
} as const;

/** Set down before the gate's rules were tried on them, and not to be changed to please the gate. */
export const machines = {
  calm: {
    ratio: timesShared(0.5),
    betweenBlocks: 0.02,
    withinBlock: 0.005,
    secondArm: 0,
    slowLaunch: 0.01,
    burstShare: 0,
    burst: 0,
  },
  shared: {
    ratio: timesShared(1),
    betweenBlocks: 0.1,
    withinBlock: 0.01,
    secondArm: 0.005,
    slowLaunch: 0.02,
    burstShare: 0.01,
    burst: 0.3,
  },
  rough: {
    ratio: timesShared(2),
    betweenBlocks: 0.2,
    withinBlock: 0.02,
    secondArm: 0.01,
    slowLaunch: 0.04,
    burstShare: 0.04,
    burst: 0.5,
  },
  /** Beyond what the gate is made for: the table says what becomes of it there, and no test holds it to anything. */
  rougher: {
    ratio: timesShared(4),
    betweenBlocks: 0.4,
    withinBlock: 0.04,
    secondArm: 0.02,
    slowLaunch: 0.08,
    burstShare: 0.08,
    burst: 0.5,
  },
  drifting: {
    ratio: timesShared(1),
    betweenBlocks: 0.1,
    withinBlock: 0.06,
    secondArm: 0.03,
    slowLaunch: 0.02,
    burstShare: 0.02,
    burst: 0.4,
  },
} as const satisfies Readonly<Record<string, Machine>>;

/** How much of a slowdown of the machine a metric shows: CPU per request hardly any. */
const exposure = {
  'app.cpuMsPerRequest': 0.2,
  'read.qps': 1,
  'read.p95Ms': 1.2,
  'write.p95Ms': 1.2,
} as const;

const typical = { 'app.cpuMsPerRequest': 1.8, 'read.qps': 400, 'read.p95Ms': 20, 'write.p95Ms': 30 } as const;
const slowLaunchShare = 0.2;

/**
 * Reference and candidate as such a machine would have measured them. `effects` are shares on the worse side, as
 * in GatedMetric; `order` says which arm each block begins with.
 */
export function measureOn(
  machine: Machine,
  effects: Readonly<Partial<Record<GatedId, number>>>,
  order: readonly (readonly string[])[],
  seed: number,
): readonly [ArmResult, ArmResult] {
  const random = mulberry32(seed);
  const names = ['reference', 'candidate'] as const;
  const values = names.map(
    () => new Map(gatedIds.map((metric) => [metric, [] as MetricValue['perBlock'][number][]])),
  );
  let speed = 0;
  order.forEach((visits, index) => {
    speed += gaussian(random) * machine.betweenBlocks;
    const change = machine.secondArm + gaussian(random) * machine.withinBlock;
    for (const [place, name] of visits.entries()) {
      const arm = names.indexOf(name as (typeof names)[number]);
      const slowness =
        speed +
        (place === 0 ? 0 : change) +
        (random() < slowLaunchShare ? machine.slowLaunch : 0) +
        (random() < machine.burstShare ? Math.abs(gaussian(random)) * machine.burst : 0);
      const common = gaussian(random);
      for (const metric of gatedIds) {
        // Half of the variance is the visit's, for a visit that is slow is slow in everything.
        const noise = ownSd(machine, metric) * Math.SQRT1_2 * (common + gaussian(random));
        const worse = slowness * exposure[metric] + noise;
        const share = arm === 0 ? 0 : (effects[metric] ?? 0);
        const factor = metric === 'read.qps' ? Math.exp(-worse) * (1 - share) : Math.exp(worse) * (1 + share);
        values[arm]?.get(metric)?.push({ block: index + 1, value: typical[metric] * factor });
      }
    }
  });
  const [reference, candidate] = values.map((metrics, arm) => armOf(names[arm] ?? '', metrics));
  if (reference === undefined || candidate === undefined) throw new Error('expected two arms');
  return [reference, candidate];
}

/** What one visit adds, so that the block's log-ratio spreads as the machine says, launch effects included. */
function ownSd({ ratio, slowLaunch }: Machine, metric: GatedId): number {
  const launch = slowLaunchShare * (1 - slowLaunchShare) * (exposure[metric] * slowLaunch) ** 2;
  return Math.sqrt(ratio[metric] ** 2 / 2 - launch);
}

function timesShared(factor: number): Machine['ratio'] {
  return Object.fromEntries(gatedIds.map((id) => [id, ratioOfShared[id] * factor])) as Machine['ratio'];
}

function armOf(name: string, metrics: ReadonlyMap<MetricId, MetricValue['perBlock']>): ArmResult {
  return {
    ...baselineArm,
    name,
    nodes: [],
    slices: [],
    bottleneck: {},
    metrics: Object.fromEntries(
      [...metrics].map(([metric, perBlock]) => [
        metric,
        // The gate reads the blocks alone; a wrong summary here would show.
        { value: Number.NaN, low: null, high: null, blocks: perBlock.length, perBlock },
      ]),
    ),
  };
}
